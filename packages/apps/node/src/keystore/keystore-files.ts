import { KEYSTORE_APPLICATION_ID, KEYSTORE_MIGRATIONS } from "@keygrove/keystore"
import type { DatabaseFile } from "@keygrove/sqlite"
import { AUDIT_APPLICATION_ID, AUDIT_MIGRATIONS, VAULT_MIGRATIONS } from "@keygrove/vault"

/** A `keystore.db`: the sealed records and the named keys. */
export function keystoreFile(path: string): DatabaseFile {
  return { path, applicationId: KEYSTORE_APPLICATION_ID, migrations: [...KEYSTORE_MIGRATIONS, ...VAULT_MIGRATIONS] }
}

/** An `audit.db`. */
export function auditFile(path: string): DatabaseFile {
  return { path, applicationId: AUDIT_APPLICATION_ID, migrations: AUDIT_MIGRATIONS }
}
