-- A run of `janus data generate`. Equal settings are one run, whichever processes work on it, one after the other.
CREATE TABLE generate_runs (
	key      TEXT PRIMARY KEY,                             -- SHA-256 of the settings
	settings TEXT NOT NULL CHECK (json_valid(settings)),
	created  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) WITHOUT ROWID;

-- A pair is entered in the transaction that adds its rows, so that no pair is lost and none is there twice.
CREATE TABLE generate_pairs (
	run    TEXT    NOT NULL REFERENCES generate_runs (key) ON DELETE CASCADE,
	pair   INTEGER NOT NULL,                               -- index, from 0
	state  TEXT    NOT NULL CHECK (state IN ('done', 'given_up')),
	rounds INTEGER NOT NULL,                               -- how often it was tried to the end
	reason TEXT    NOT NULL DEFAULT '',                    -- why it was given up
	rows   TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(rows)), -- ids in training_data, or [source, id] in findings
	ended  TEXT    NOT NULL,
	PRIMARY KEY (run, pair)
) WITHOUT ROWID;

-- Calls of language models. One is entered before it is sent, and its end before its answer is used.
CREATE TABLE llm_calls (
	id                INTEGER PRIMARY KEY AUTOINCREMENT,
	run               TEXT    NOT NULL,
	item              INTEGER NOT NULL,                    -- such as a pair's index
	purpose           TEXT    NOT NULL,                    -- such as an agent's name
	question          TEXT    NOT NULL,                    -- SHA-256 of what was asked
	model             TEXT    NOT NULL,
	attempt           INTEGER NOT NULL,
	state             TEXT    NOT NULL CHECK (state IN ('sent', 'answered', 'failed', 'lost')),
	status            INTEGER NOT NULL DEFAULT 0,          -- of HTTP
	response          TEXT    NOT NULL DEFAULT '',         -- the server's id of its answer
	prompt_tokens     INTEGER NOT NULL DEFAULT 0,
	completion_tokens INTEGER NOT NULL DEFAULT 0,
	estimated         INTEGER NOT NULL DEFAULT 0,          -- 1: the server gave no count
	reserve           REAL    NOT NULL DEFAULT 0,          -- US dollars that it could cost at most
	cost              REAL    NOT NULL DEFAULT 0,          -- US dollars for the tokens
	error             TEXT    NOT NULL DEFAULT '',
	answer            TEXT    NOT NULL DEFAULT '',         -- until its item is done
	finish            TEXT    NOT NULL DEFAULT '',
	sent_at           TEXT    NOT NULL,
	ended_at          TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX llm_calls_item ON llm_calls (run, item, question);
