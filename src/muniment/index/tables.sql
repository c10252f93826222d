-- The tables of the index and its views.  Derived from archive/ and manifests/, never evidence.
--
-- Captures, hosts, URLs and media types are numbered as they come in; the numbers say nothing outside of this file.
-- Ids of records and digests are kept as octets (columns ..._octets).  Beside each a generated column, which takes no
-- room, writes it as the standards do; the length of a digest tells its algorithm.
-- Times are RFC 3339 in UTC with microseconds, so that the order of texts is the order of times.
-- Rows that come in the order of their key lie in the tree of that key (WITHOUT ROWID).

CREATE TABLE captures (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  seed TEXT NOT NULL,
  title TEXT NOT NULL,
  opened TEXT NOT NULL,
  closed TEXT NOT NULL,
  engine TEXT NOT NULL,
  verdict TEXT NOT NULL,
  job TEXT NOT NULL,
  asked INTEGER NOT NULL,
  recorded INTEGER NOT NULL,
  origin TEXT NOT NULL,
  leaf INTEGER NOT NULL,
  statement TEXT GENERATED ALWAYS AS (
    CASE length(statement_octets) WHEN 32 THEN 'sha256:' WHEN 48 THEN 'sha384:' WHEN 64 THEN 'sha512:' END
    || lower(hex(statement_octets))) VIRTUAL,
  records INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  resources INTEGER NOT NULL,
  missing INTEGER NOT NULL,
  unverified INTEGER NOT NULL,
  stored INTEGER NOT NULL,
  received INTEGER NOT NULL,
  statement_octets BLOB NOT NULL
) STRICT;

-- A host that some URL names, in ASCII; backwards: its labels from the last to the first, so that a domain and all
-- below it lie together.
CREATE TABLE hosts (
  number INTEGER PRIMARY KEY,
  host TEXT NOT NULL UNIQUE,
  backwards TEXT NOT NULL
) STRICT;

-- Every URL that a record, a link or a failure names, once.
CREATE TABLE urls (
  number INTEGER PRIMARY KEY,
  url TEXT NOT NULL UNIQUE,
  host INTEGER REFERENCES hosts (number)
) STRICT;

CREATE TABLE media_types (
  number INTEGER PRIMARY KEY,
  media_type TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE warcs (
  capture INTEGER NOT NULL REFERENCES captures (number),
  n INTEGER NOT NULL,
  file TEXT NOT NULL,
  sha256 TEXT GENERATED ALWAYS AS (
    CASE length(sha256_octets) WHEN 32 THEN 'sha256:' WHEN 48 THEN 'sha384:' WHEN 64 THEN 'sha512:' END
    || lower(hex(sha256_octets))) VIRTUAL,
  size INTEGER NOT NULL,
  records INTEGER NOT NULL,
  sha256_octets BLOB,
  PRIMARY KEY (capture, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE connections (
  capture INTEGER NOT NULL REFERENCES captures (number),
  id TEXT NOT NULL,
  host TEXT,
  address TEXT NOT NULL,
  port INTEGER,
  tls TEXT NOT NULL,
  tls_version TEXT,
  cipher TEXT,
  alpn TEXT,
  chain TEXT GENERATED ALWAYS AS (
    CASE length(chain_octets) WHEN 32 THEN 'sha256:' WHEN 48 THEN 'sha384:' WHEN 64 THEN 'sha512:' END
    || lower(hex(chain_octets))) VIRTUAL,
  opened TEXT,
  handshake TEXT,
  chain_octets BLOB,
  PRIMARY KEY (capture, id)
) STRICT, WITHOUT ROWID;

-- A line of a manifest.  content_octets is empty where the content is the payload itself, NULL where it is unknown.
CREATE TABLE records (
  capture INTEGER NOT NULL REFERENCES captures (number),
  n INTEGER NOT NULL,
  kind TEXT NOT NULL,
  exchange INTEGER,
  url INTEGER REFERENCES urls (number),
  role TEXT,
  status INTEGER,
  media_type INTEGER REFERENCES media_types (number),
  parent INTEGER,
  warc INTEGER NOT NULL,
  offset INTEGER NOT NULL,
  length INTEGER NOT NULL,
  size INTEGER,
  connection TEXT,
  truncated TEXT,
  outcome TEXT,
  answer INTEGER,
  final INTEGER REFERENCES urls (number),
  date_microseconds INTEGER,
  record_octets BLOB NOT NULL,
  payload_octets BLOB,
  content_octets BLOB,
  PRIMARY KEY (capture, n),
  FOREIGN KEY (capture, warc) REFERENCES warcs (capture, n),
  FOREIGN KEY (capture, connection) REFERENCES connections (capture, id)
) WITHOUT ROWID;

CREATE TABLE links (
  capture INTEGER NOT NULL REFERENCES captures (number),
  n INTEGER NOT NULL,
  place INTEGER NOT NULL,
  page INTEGER NOT NULL,
  url INTEGER NOT NULL REFERENCES urls (number),
  role TEXT,
  kind TEXT NOT NULL,
  source TEXT NOT NULL,
  PRIMARY KEY (capture, n, place),
  FOREIGN KEY (capture, n) REFERENCES records (capture, n),
  FOREIGN KEY (capture, page) REFERENCES records (capture, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE failures (
  capture INTEGER NOT NULL REFERENCES captures (number),
  n INTEGER NOT NULL,
  url INTEGER NOT NULL REFERENCES urls (number),
  role TEXT,
  reason TEXT NOT NULL,
  rule TEXT NOT NULL,
  detail TEXT NOT NULL,
  retryable INTEGER NOT NULL,
  PRIMARY KEY (capture, n),
  FOREIGN KEY (capture, n) REFERENCES records (capture, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE articles (
  capture INTEGER NOT NULL REFERENCES captures (number),
  n INTEGER NOT NULL,
  url INTEGER NOT NULL REFERENCES urls (number),
  role TEXT,
  title TEXT NOT NULL,
  extractor TEXT NOT NULL,
  text_source TEXT NOT NULL,
  characters INTEGER NOT NULL,
  PRIMARY KEY (capture, n),
  FOREIGN KEY (capture, n) REFERENCES records (capture, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE assertions (
  capture INTEGER NOT NULL REFERENCES captures (number),
  page INTEGER NOT NULL,
  place INTEGER NOT NULL,
  field TEXT NOT NULL,
  value TEXT NOT NULL,
  raw TEXT NOT NULL,
  source TEXT NOT NULL,
  PRIMARY KEY (capture, page, place),
  FOREIGN KEY (capture, page) REFERENCES records (capture, n)
) STRICT, WITHOUT ROWID;

-- What an image, a video or a sound is by its own octets; codecs: one name for each stream, with spaces between them.
CREATE TABLE media (
  capture INTEGER NOT NULL REFERENCES captures (number),
  n INTEGER NOT NULL,
  sniffed TEXT NOT NULL,
  width INTEGER,
  height INTEGER,
  milliseconds INTEGER,
  codecs TEXT NOT NULL,
  c2pa INTEGER,
  extractor TEXT NOT NULL,
  PRIMARY KEY (capture, n),
  FOREIGN KEY (capture, n) REFERENCES records (capture, n)
) STRICT, WITHOUT ROWID;

-- Perceptual hashes, 16 hexadecimal digits: of a picture, or of key frames of a film, shown at so many milliseconds.
CREATE TABLE hashes (
  capture INTEGER NOT NULL REFERENCES captures (number),
  n INTEGER NOT NULL,
  place INTEGER NOT NULL,
  at INTEGER,
  hash TEXT NOT NULL,
  PRIMARY KEY (capture, n, place),
  FOREIGN KEY (capture, n) REFERENCES media (capture, n)
) STRICT, WITHOUT ROWID;

-- What the words of an article were taken from, compressed (zlib).  Not in the tree of its key, in which rows of more
-- than a thousand octets spill.
CREATE TABLE texts (
  capture INTEGER NOT NULL REFERENCES captures (number),
  n INTEGER NOT NULL,
  text BLOB NOT NULL,
  PRIMARY KEY (capture, n),
  FOREIGN KEY (capture, n) REFERENCES records (capture, n)
) STRICT;

-- The index of the words: what is folded goes in, nothing of it is kept but the places of tokens; "ascii" splits at
-- spaces, because a folded text holds no other ASCII sign that is no letter and no digit.
-- Its rowid names a record: capture << 24 | n.
CREATE VIRTUAL TABLE words USING fts5(title, byline, text, url, content='', tokenize='ascii');

CREATE VIEW resources AS
SELECT i.id AS capture, r.n, u.url, r.role, r.status, r.outcome, m.media_type, r.size, r.payload, r.content,
  coalesce(c.tls, '') AS tls, r.record_id, coalesce(p.record_id, '') AS parent, w.file, coalesce(f.url, u.url) AS final
FROM records r JOIN captures i ON i.number = r.capture JOIN urls u ON u.number = r.url
JOIN warcs w ON w.capture = r.capture AND w.n = r.warc
LEFT JOIN media_types m ON m.number = r.media_type
LEFT JOIN connections c ON c.capture = r.capture AND c.id = r.connection
LEFT JOIN records p ON p.capture = r.capture AND p.n = r.parent
LEFT JOIN urls f ON f.number = r.final
WHERE r.answer = 1;

CREATE VIEW broken_links AS
SELECT i.id AS capture, p.url AS page, u.url, l.kind, l.role, f.reason, f.rule, f.detail, f.retryable
FROM links l JOIN failures f ON f.capture = l.capture AND f.url = l.url JOIN captures i ON i.number = l.capture
JOIN urls u ON u.number = l.url JOIN records r ON r.capture = l.capture AND r.n = l.page
JOIN urls p ON p.number = r.url;

CREATE VIEW failures_by_reason AS
SELECT f.reason, f.retryable, count(*) AS failures, count(DISTINCT f.capture) AS captures, min(u.url) AS example
FROM failures f JOIN urls u ON u.number = f.url GROUP BY f.reason, f.retryable ORDER BY failures DESC, f.reason;

-- The digits by which payloads are found tell which may be the same, the payloads themselves which are.
CREATE VIEW same_payload AS
SELECT r.payload, count(*) AS records, count(DISTINCT r.capture) AS captures, count(DISTINCT r.url) AS urls,
  max(r.size) AS size, max(m.media_type) AS media_type, min(u.url) AS example, min(r.date) AS first,
  max(r.date) AS last
FROM records r JOIN urls u ON u.number = r.url LEFT JOIN media_types m ON m.number = r.media_type
WHERE r.payload_digits IN (
  SELECT payload_digits FROM records WHERE payload_digits IS NOT NULL GROUP BY payload_digits HAVING count(*) > 1)
GROUP BY r.payload_octets HAVING count(*) > 1 ORDER BY records DESC, r.payload;
