package finding

// SQLiteSchema makes the tables of findings and verdicts where they are not there:
// what the SQLite writer makes, the SQLite reader reads, and the data set store
// keeps beside its training data. The columns are those of [FindingColumns] and
// [VerdictColumns], in their order. flow, fingerprints, trajectory and heads are
// JSON text. A finding may have several verdicts: of other models, heads, prompts.
const SQLiteSchema = `
CREATE TABLE IF NOT EXISTS findings (
  id           TEXT PRIMARY KEY NOT NULL,
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
  flow         TEXT,
  fingerprints TEXT,
  label        TEXT NOT NULL DEFAULT '',
  "group"      TEXT NOT NULL DEFAULT '',
  split        TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS verdicts (
  finding_id TEXT NOT NULL REFERENCES findings (id) ON DELETE CASCADE,
  verdict    TEXT,
  p          REAL,
  reasoning  TEXT NOT NULL DEFAULT '',
  tokens     INTEGER NOT NULL DEFAULT 0,
  seconds    REAL,
  note       TEXT NOT NULL DEFAULT '',
  error      TEXT NOT NULL DEFAULT '',
  model      TEXT NOT NULL DEFAULT '',
  adapter    TEXT NOT NULL DEFAULT '',
  head       TEXT NOT NULL DEFAULT '',
  prompt     TEXT NOT NULL DEFAULT '',
  trajectory TEXT,
  heads      TEXT
);
CREATE INDEX IF NOT EXISTS verdicts_finding ON verdicts (finding_id);
`
