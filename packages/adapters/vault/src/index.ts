export { vaultErrors, type VaultErrorCode } from "./errors.ts"
export { KeyVault, type KeyVaultTools, type VaultStore } from "./key-vault.ts"
export type { KeyVariables } from "./key-source.ts"
export { AUDIT_APPLICATION_ID, AUDIT_MIGRATIONS, VAULT_MIGRATIONS } from "./schema.ts"
