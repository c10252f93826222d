-- What the tables are given after their first rows: columns that are computed, and indexes.  Columns of records that
-- are there from the start would be computed with each row that comes in; indexes are sorted once instead of growing.
--
-- The columns ..._digits tell what is looked for from almost everything else: the first 8 hexadecimal digits of a digest,
-- the last 8 of the id of a record, which of ten million rows one in four hundred shares with another.  Whoever asks
-- compares the whole value too.
-- Indexes are partial, because two of three records are requests and facts, which nobody looks for by URL or digest.

ALTER TABLE records ADD COLUMN record_id TEXT GENERATED ALWAYS AS (
    lower('urn:uuid:' || hex(substr(record_octets, 1, 4)) || '-' || hex(substr(record_octets, 5, 2)) || '-'
    || hex(substr(record_octets, 7, 2)) || '-' || hex(substr(record_octets, 9, 2)) || '-'
    || hex(substr(record_octets, 11)))) VIRTUAL;
ALTER TABLE records ADD COLUMN date TEXT GENERATED ALWAYS AS (
    strftime('%Y-%m-%dT%H:%M:%S', date_microseconds / 1000000 - (date_microseconds % 1000000 < 0), 'unixepoch')
    || printf('.%06dZ', (date_microseconds % 1000000 + 1000000) % 1000000)) VIRTUAL;
ALTER TABLE records ADD COLUMN payload TEXT GENERATED ALWAYS AS (
    CASE length(payload_octets) WHEN 32 THEN 'sha256:' WHEN 48 THEN 'sha384:' WHEN 64 THEN 'sha512:' END
    || lower(hex(payload_octets))) VIRTUAL;
ALTER TABLE records ADD COLUMN content TEXT GENERATED ALWAYS AS (
    CASE length(content_octets) WHEN 0 THEN payload
    ELSE CASE length(content_octets) WHEN 32 THEN 'sha256:' WHEN 48 THEN 'sha384:' WHEN 64 THEN 'sha512:' END
    || lower(hex(content_octets)) END) VIRTUAL;
ALTER TABLE records ADD COLUMN record_digits TEXT GENERATED ALWAYS AS (
    lower(hex(substr(record_octets, 13)))) VIRTUAL;
ALTER TABLE records ADD COLUMN payload_digits TEXT GENERATED ALWAYS AS (
    CASE WHEN length(payload_octets) > 0 THEN lower(hex(substr(payload_octets, 1, 4))) END) VIRTUAL;
ALTER TABLE records ADD COLUMN content_digits TEXT GENERATED ALWAYS AS (
    CASE WHEN length(content_octets) > 0 THEN lower(hex(substr(content_octets, 1, 4))) END) VIRTUAL;

CREATE INDEX captures_opened ON captures (opened);
CREATE INDEX captures_origin_leaf ON captures (origin, leaf);
CREATE INDEX captures_statement ON captures (statement);
CREATE INDEX hosts_backwards ON hosts (backwards);
CREATE INDEX urls_host ON urls (host) WHERE host IS NOT NULL;
CREATE INDEX warcs_sha256 ON warcs (sha256);
CREATE INDEX records_record_digits ON records (record_digits);
CREATE INDEX records_url ON records (url) WHERE url IS NOT NULL;
CREATE INDEX records_final ON records (final) WHERE final IS NOT NULL;
CREATE INDEX records_media_type ON records (media_type) WHERE media_type IS NOT NULL;
CREATE INDEX records_payload_digits ON records (payload_digits) WHERE payload_digits IS NOT NULL;
CREATE INDEX records_content_digits ON records (content_digits) WHERE content_digits IS NOT NULL;
CREATE INDEX links_url ON links (url);
CREATE INDEX failures_url ON failures (url);
CREATE INDEX failures_reason ON failures (reason);
CREATE INDEX articles_url ON articles (url);
CREATE INDEX assertions_field_value ON assertions (field, value);
CREATE INDEX hashes_hash ON hashes (hash);
