// By their own paths, so that naming an error does not load the package that has it.
import { apiErrors } from "@keygrove/api/errors"
import type { ErrorTable } from "@keygrove/base"
import { baseErrors } from "@keygrove/base/errors"
import { cryptoErrors } from "@keygrove/crypto/errors"
import { etcdErrors } from "@keygrove/etcd/errors"
import { hierarchyErrors } from "@keygrove/hierarchy/errors"
import { hpkeErrors } from "@keygrove/hpke/errors"
import { keyErrors } from "@keygrove/keys/errors"
import { keystoreErrors } from "@keygrove/keystore/errors"
import { ledgerErrors } from "@keygrove/ledger/errors"
import { libp2pErrors } from "@keygrove/libp2p/errors"
import { operatorErrors } from "@keygrove/operators/errors"
import { peeringErrors } from "@keygrove/peering/errors"
import { pieceErrors } from "@keygrove/pieces/errors"
import { pkcs11Errors } from "@keygrove/pkcs11/errors"
import { fileErrors, umbralErrors } from "@keygrove/reencryption/errors"
import { sharingErrors } from "@keygrove/service/errors"
import { sqliteErrors } from "@keygrove/sqlite/errors"
import { sshAgentErrors } from "@keygrove/ssh-agent/errors"
import { systemErrors } from "@keygrove/system/errors"
import { vaultErrors } from "@keygrove/vault/errors"
import { nodeErrors } from "./errors.ts"

/** Every code a node can answer with; docs/errors.md is made from it and the command line's own. */
export const allErrors: ErrorTable = {
  ...apiErrors,
  ...baseErrors,
  ...cryptoErrors,
  ...etcdErrors,
  ...hierarchyErrors,
  ...hpkeErrors,
  ...keyErrors,
  ...keystoreErrors,
  ...ledgerErrors,
  ...libp2pErrors,
  ...operatorErrors,
  ...peeringErrors,
  ...pieceErrors,
  ...pkcs11Errors,
  ...fileErrors,
  ...umbralErrors,
  ...sharingErrors,
  ...sqliteErrors,
  ...sshAgentErrors,
  ...systemErrors,
  ...vaultErrors,
  ...nodeErrors,
}
