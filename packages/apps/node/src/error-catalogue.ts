import { apiErrors } from "@keygrove/api"
import { baseErrors, type ErrorClass, type ErrorTable } from "@keygrove/base"
import { cryptoErrors } from "@keygrove/crypto"
import { hierarchyErrors } from "@keygrove/hierarchy"
import { hpkeErrors } from "@keygrove/hpke"
import { keyErrors } from "@keygrove/keys"
import { keystoreErrors } from "@keygrove/keystore/errors"
import { ledgerErrors } from "@keygrove/ledger"
import { libp2pErrors } from "@keygrove/libp2p/errors"
import { peeringErrors } from "@keygrove/peering"
import { fileErrors, umbralErrors } from "@keygrove/reencryption"
import { sharingErrors } from "@keygrove/service/errors"
import { sqliteErrors } from "@keygrove/sqlite"
import { systemErrors } from "@keygrove/system"
import { vaultErrors } from "@keygrove/vault/errors"
import { nodeErrors } from "./errors.ts"

/** Every code a node can answer with; docs/errors.md is made from it and the command line's own. */
export const allErrors: ErrorTable = {
  ...apiErrors,
  ...baseErrors,
  ...cryptoErrors,
  ...hierarchyErrors,
  ...hpkeErrors,
  ...keyErrors,
  ...keystoreErrors,
  ...ledgerErrors,
  ...libp2pErrors,
  ...peeringErrors,
  ...fileErrors,
  ...umbralErrors,
  ...sharingErrors,
  ...sqliteErrors,
  ...systemErrors,
  ...vaultErrors,
  ...nodeErrors,
}

/** Exit statuses of interfaces.md. */
export const exitStatuses: Readonly<Record<ErrorClass, number>> = {
  failed: 1,
  usage: 2,
  locked: 3,
  refused: 4,
  peers: 5,
  "not-running": 6,
  interrupted: 130,
}
