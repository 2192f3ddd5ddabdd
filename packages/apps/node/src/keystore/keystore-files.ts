import { KEYSTORE_APPLICATION_ID, KEYSTORE_MIGRATIONS, RUN_MIGRATIONS } from "@keygrove/keystore"
import type { DatabaseFile } from "@keygrove/sqlite"
import { AUDIT_APPLICATION_ID, AUDIT_MIGRATIONS, VAULT_MIGRATIONS } from "@keygrove/vault"

/** A `keystore.db`: the sealed records, the named keys, and what pieces open. */
export function keystoreFile(path: string): DatabaseFile {
  return { path, applicationId: KEYSTORE_APPLICATION_ID, migrations: [...KEYSTORE_MIGRATIONS, ...VAULT_MIGRATIONS, ...RUN_MIGRATIONS] }
}

/** An `audit.db`. */
export function auditFile(path: string): DatabaseFile {
  return { path, applicationId: AUDIT_APPLICATION_ID, migrations: AUDIT_MIGRATIONS }
}
