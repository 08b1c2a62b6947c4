-- json_valid(NULL) is 0 before SQLite 3.45, so that older programs could add no finding without a flow, and took every one that
-- is there for damage. A check cannot be changed: the table is made anew, rows in their order.
CREATE TABLE findings_new (
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
	flow         TEXT CHECK (flow IS NULL OR json_valid(flow)),
	fingerprints TEXT CHECK (fingerprints IS NULL OR json_valid(fingerprints)),
	label        TEXT NOT NULL DEFAULT '', -- TP, FP or empty
	"group"      TEXT NOT NULL DEFAULT '',
	split        TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (source, id)
);
INSERT INTO findings_new SELECT * FROM findings ORDER BY rowid;
DROP TABLE findings;
ALTER TABLE findings_new RENAME TO findings;
CREATE INDEX findings_class ON findings (category, label);
