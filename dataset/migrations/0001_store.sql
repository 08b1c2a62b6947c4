-- The study's table: its six columns first and so named, so that its own readers and writers work on it. A row that they
-- write has the other columns' defaults; Open fills in the hashes.
CREATE TABLE training_data (
	id            INTEGER PRIMARY KEY AUTOINCREMENT,
	request       TEXT    NOT NULL,
	response      TEXT    NOT NULL,
	analysis      TEXT    NOT NULL DEFAULT '',
	is_vulnerable INTEGER NOT NULL CHECK (is_vulnerable IN (0, 1)),
	vuln_category TEXT    NOT NULL,

	pair_id  TEXT NOT NULL DEFAULT '', -- shared by rows that differ only in what makes one vulnerable
	"group"  TEXT NOT NULL DEFAULT '', -- never on both sides of a split
	source   TEXT NOT NULL DEFAULT '',
	split    TEXT NOT NULL DEFAULT '', -- train, dev, test or empty
	note     TEXT NOT NULL DEFAULT '',
	prompt   TEXT NOT NULL DEFAULT '', -- version of the prompts that wrote it
	created  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	reviewed TEXT NOT NULL DEFAULT '', -- when a person confirmed it

	content_hash TEXT NOT NULL DEFAULT '', -- of the five study columns after id, as they are
	origin_hash  TEXT NOT NULL DEFAULT ''  -- the same, as they were when the row came in
);
CREATE INDEX training_data_class ON training_data (vuln_category, is_vulnerable);
CREATE INDEX training_data_pair ON training_data (pair_id) WHERE pair_id <> '';
CREATE INDEX training_data_content ON training_data (content_hash);
CREATE INDEX training_data_origin ON training_data (origin_hash);

-- A column for each JSON key of finding.Finding; flow and fingerprints are JSON.
CREATE TABLE findings (
	id           TEXT NOT NULL,
	source       TEXT NOT NULL DEFAULT '',
	tool         TEXT NOT NULL DEFAULT '',
	rule         TEXT NOT NULL DEFAULT '',
	cwe          TEXT NOT NULL DEFAULT '',
	category     TEXT NOT NULL DEFAULT '',
	language     TEXT NOT NULL DEFAULT '',
	file         TEXT NOT NULL DEFAULT '',
	line         INTEGER,
	end_line     INTEGER,
	title        TEXT NOT NULL DEFAULT '',
	message      TEXT NOT NULL DEFAULT '',
	level        TEXT NOT NULL DEFAULT '',
	severity     TEXT NOT NULL DEFAULT '',
	snippet      TEXT NOT NULL DEFAULT '',
	focus        TEXT NOT NULL DEFAULT '',
	request      TEXT NOT NULL DEFAULT '',
	response     TEXT NOT NULL DEFAULT '',
	flow         TEXT CHECK (json_valid(flow)),
	fingerprints TEXT CHECK (json_valid(fingerprints)),
	label        TEXT NOT NULL DEFAULT '', -- TP, FP or empty
	"group"      TEXT NOT NULL DEFAULT '',
	split        TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (source, id)
);
CREATE INDEX findings_class ON findings (category, label);

-- A benchmark is one run of one variant over its cases.
CREATE TABLE benchmarks (
	id           INTEGER PRIMARY KEY AUTOINCREMENT,
	name         TEXT    NOT NULL,
	created      TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
	variant      TEXT    NOT NULL DEFAULT '', -- what is compared: "head", "generative", …
	seed         INTEGER NOT NULL DEFAULT 0,
	config       TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(config)),
	model_hash   TEXT    NOT NULL DEFAULT '', -- SHA-256 of the files; empty where there is none
	adapter_hash TEXT    NOT NULL DEFAULT '',
	head_hash    TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX benchmarks_name ON benchmarks (name, variant, seed);

CREATE TABLE benchmark_results (
	benchmark_id INTEGER NOT NULL REFERENCES benchmarks (id) ON DELETE CASCADE,
	case_id      TEXT    NOT NULL,            -- a finding's id, or training_data:ID
	truth        TEXT    NOT NULL DEFAULT '', -- TP or FP, or empty where it is not known
	verdict      TEXT    NOT NULL DEFAULT '', -- TP, FP, uncertain; empty where the case failed
	p            REAL,                        -- probability that it is real; null where the case failed
	tokens       INTEGER NOT NULL DEFAULT 0,
	seconds      REAL    NOT NULL DEFAULT 0,
	error        TEXT    NOT NULL DEFAULT '',
	PRIMARY KEY (benchmark_id, case_id)
) WITHOUT ROWID;
