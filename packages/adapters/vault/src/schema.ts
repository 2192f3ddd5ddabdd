/** What the vault adds to a keystore's database, by schema version; appended to the keystore's own. */
export const VAULT_MIGRATIONS: readonly string[] = [
  `CREATE TABLE named_key (id TEXT PRIMARY KEY, entry BLOB NOT NULL, proof BLOB NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE key_secret (id TEXT NOT NULL, version INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (id, version)) STRICT, WITHOUT ROWID`,
  // Versions that a token may hold and no record stands for; from here on a record may name a backend, and programs older than that must not read it.
  `CREATE TABLE key_pending (id TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (id, version)) STRICT, WITHOUT ROWID`,
]

/** SQLite's application id of an audit trail: "kgau". */
export const AUDIT_APPLICATION_ID = 0x6b676175
/** Schema of an audit trail, by version: the events, and the authenticated head of all of them. */
export const AUDIT_MIGRATIONS: readonly string[] = [
  `CREATE TABLE event (position INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
   CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), length INTEGER NOT NULL, hash BLOB NOT NULL, proof BLOB NOT NULL) STRICT`,
]
