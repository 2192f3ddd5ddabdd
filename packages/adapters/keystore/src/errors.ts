import type { ErrorTable } from "@keygrove/base"

export type KeystoreErrorCode =
  | "KEYSTORE_LOCKED"
  | "KEYSTORE_GONE"
  | "KEYSTORE_BUSY"
  | "KEYSTORE_REQUEST_INVALID"
  | "KEYSTORE_PASSPHRASE_WRONG"
  | "KEYSTORE_KEY_FILE_WRONG"
  | "KEYSTORE_KEY_FILE_INVALID"
  | "KEYSTORE_RECORD_CORRUPT"
  | "KEYSTORE_EMPTY"
  | "KEYSTORE_EXISTS"
  | "KEYSTORE_START_FAILED"
  | "PASSPHRASE_MISSING"
  | "PASSPHRASE_TOO_SHORT"
  | "PASSPHRASE_TOO_LONG"
  | "PASSPHRASES_DIFFER"
  | "PASSPHRASE_NOT_TAKEN"
  | "PROMPT_INTERRUPTED"
  | "WORDS_COUNT"
  | "WORD_UNKNOWN"
  | "WORDS_CHECKSUM"
  | "WORDS_NOT_CONFIRMED"
  | "WORDS_OF_ANOTHER_ROOT"
  | "WORDS_UNREADABLE"
  | "WORDS_OUT_EXISTS"
  | "WORDS_PASSPHRASE_INVALID"
  | "SHARE_LENGTH"
  | "SHARE_WORD_UNKNOWN"
  | "SHARE_CHECKSUM"
  | "SHARE_INVALID"
  | "SHARE_TWICE"
  | "SHARES_DIFFER"
  | "SHARES_TOO_FEW"
  | "SHARES_WRONG"
  | "INVITATION_CODE_INVALID"
  | "INVITATION_CODE_UNWRITABLE"
  | "INVITATION_CODE_WRONG"
  | "RECOVERY_ANCHOR_WRONG"
  | "SEALED_MESSAGE_INVALID"
  | "CAPSULE_INVALID"
  | "FRAGMENT_INVALID"
  | "FRAGMENTS_INSUFFICIENT"
  | "REKEY_PENDING"
  | "REKEY_NOT_PENDING"
  | "REKEY_EXCHANGE_INVALID"
  | "REKEY_EPOCHS_EXHAUSTED"
  | "MOVE_CHAIN_INVALID"
  | "MOVE_NOT_THIS_NODE"
  | "MOVE_PREDECESSORS_EXHAUSTED"
  | "BOOT_KEY_INVALID"
  | "BOOT_KEY_SEALED"
  | "RUN_RECORD_ABSENT"
  | "RUN_RECORD_STALE"
  | "SLOT_UNKNOWN"
  | "DELEGATED_START_ABSENT"
  | "DELEGATED_START_INVALID"
  | "PIECE_INVALID"

/** Codes of the keystore. */
export const keystoreErrors: ErrorTable<KeystoreErrorCode> = {
  KEYSTORE_LOCKED: {
    class: "locked",
    meaning: "The node's secrets are locked.",
    remedy: "Open it with `keygrove unlock`.",
  },
  KEYSTORE_GONE: {
    class: "locked",
    meaning: "The keystore process has ended; its secrets are wiped.",
    remedy: "Start another with `keygrove unlock`.",
  },
  KEYSTORE_BUSY: { class: "failed", meaning: "Too many requests are waiting for the keystore.", remedy: "Try again in a moment." },
  KEYSTORE_REQUEST_INVALID: {
    class: "failed",
    meaning: "The keystore was asked for something it does not do.",
    remedy: "Check the request; between programs of one version it is a fault to report.",
  },
  KEYSTORE_PASSPHRASE_WRONG: {
    class: "failed",
    meaning: "The passphrase does not open the keystore.",
    remedy: "Try again; nothing was changed.",
  },
  KEYSTORE_KEY_FILE_WRONG: {
    class: "failed",
    meaning: "The key file does not open the keystore.",
    remedy: "Give the key file that the node was made with; nothing was changed.",
  },
  KEYSTORE_KEY_FILE_INVALID: {
    class: "failed",
    meaning: "The key file is not 32 bytes that only its owner can read.",
    remedy: "Check the path; make it with mode 0600.",
  },
  KEYSTORE_RECORD_CORRUPT: {
    class: "failed",
    meaning: "A sealed record was changed or moved.",
    remedy: "Restore the home directory from a backup, or recover the node from its words.",
  },
  KEYSTORE_EMPTY: { class: "failed", meaning: "The keystore holds no node.", remedy: "Make one with `keygrove init`." },
  KEYSTORE_EXISTS: { class: "usage", meaning: "The keystore holds a node already.", remedy: "Choose another home directory." },
  KEYSTORE_START_FAILED: { class: "failed", meaning: "The keystore process did not start.", remedy: "Read the node's log." },
  PASSPHRASE_MISSING: {
    class: "usage",
    meaning: "No passphrase was given.",
    remedy: "Give --passphrase-file FILE, or run it on a terminal.",
  },
  PASSPHRASE_TOO_SHORT: {
    class: "usage",
    meaning: "A new passphrase is too short.",
    remedy: "Choose one of at least 8 bytes; several random words are best.",
  },
  PASSPHRASE_TOO_LONG: {
    class: "usage",
    meaning: "The passphrase is longer than 1,024 bytes.",
    remedy: "Check that the right file was given.",
  },
  PASSPHRASE_NOT_TAKEN: {
    class: "failed",
    meaning: "The passphrase was read, and no keystore of the node came for it.",
    remedy: "See the node's log, and run the command again.",
  },
  PASSPHRASES_DIFFER: { class: "usage", meaning: "The passphrase was typed differently the second time.", remedy: "Run it again." },
  PROMPT_INTERRUPTED: {
    class: "interrupted",
    meaning: "A question on the terminal was ended before it was answered.",
    remedy: "Run it again; nothing was changed.",
  },
  WORDS_COUNT: { class: "usage", meaning: "The recovery phrase does not have 24 words.", remedy: "Enter all 24 words in order." },
  WORD_UNKNOWN: {
    class: "usage",
    meaning: "A word is not in the BIP39 English list.",
    remedy: "Check the spelling of the word at that position.",
  },
  INVITATION_CODE_INVALID: {
    class: "usage",
    meaning: "The code of an invitation is not six words of the BIP39 English list.",
    remedy: "Check the number and the spelling of its words.",
  },
  INVITATION_CODE_UNWRITABLE: {
    class: "failed",
    meaning: "The code of a new invitation can be neither shown nor written.",
    remedy: "Run it on a terminal, or give --code-out a new file.",
  },
  INVITATION_CODE_WRONG: {
    class: "refused",
    meaning: "The code does not open the invitation.",
    remedy: "Check its words, or have a new invitation made.",
  },
  WORDS_CHECKSUM: {
    class: "usage",
    meaning: "All words are known but do not belong together.",
    remedy: "Check their order and that none was mistaken for another.",
  },
  WORDS_NOT_CONFIRMED: {
    class: "usage",
    meaning: "The words that were asked back were wrong.",
    remedy: "Run it again and write the words down; nothing was made.",
  },
  WORDS_OF_ANOTHER_ROOT: {
    class: "refused",
    meaning: "The words, or shares, and their passphrase are whole, but of another cluster than that of the home or of --cluster.",
    remedy: "Find the words of that cluster, and their passphrase if they have one; nothing was made.",
  },
  WORDS_UNREADABLE: {
    class: "usage",
    meaning: "The recovery words could not be read.",
    remedy: "Give --words-file FILE, or run it on a terminal.",
  },
  WORDS_OUT_EXISTS: {
    class: "usage",
    meaning: "The file for the words, or for a share of them, exists already or cannot be made.",
    remedy: "Name a new file or directory where you may write.",
  },
  WORDS_PASSPHRASE_INVALID: {
    class: "usage",
    meaning: "The passphrase that belongs to the words is not text in UTF-8.",
    remedy: "Save its file as UTF-8.",
  },
  SHARE_LENGTH: { class: "usage", meaning: "A SLIP-39 share does not have 33 words.", remedy: "Enter all words of the share in order." },
  SHARE_WORD_UNKNOWN: {
    class: "usage",
    meaning: "A word of a share is not in the SLIP-39 list.",
    remedy: "Check the spelling of the word at that position.",
  },
  SHARE_CHECKSUM: {
    class: "usage",
    meaning: "All words of a share are known but do not belong together.",
    remedy: "Check their order and that none was mistaken for another.",
  },
  SHARE_INVALID: {
    class: "usage",
    meaning: "A share is spelled right but says what no share says.",
    remedy: "It was made by a faulty program; use other shares.",
  },
  SHARE_TWICE: { class: "usage", meaning: "A share was given twice.", remedy: "Give another one of the set." },
  SHARES_DIFFER: {
    class: "usage",
    meaning: "Shares of different sets were mixed.",
    remedy: "Put together shares that were made in one run.",
  },
  SHARES_TOO_FEW: { class: "usage", meaning: "More shares are needed.", remedy: "Find as many more as the message says." },
  SHARES_WRONG: {
    class: "usage",
    meaning: "Shares of one set do not fit together.",
    remedy: "One of them is forged or of another set; try others.",
  },
  RECOVERY_ANCHOR_WRONG: {
    class: "failed",
    meaning: "The key derived for a node is not the one that the ledger certified.",
    remedy: "Give the ledger of this cluster; nothing was made.",
  },
  SEALED_MESSAGE_INVALID: {
    class: "failed",
    meaning: "A sealed message is malformed, from or for somebody else, for another purpose, or its signature does not hold.",
    remedy: "Ask the sender to send it again.",
  },
  CAPSULE_INVALID: { class: "failed", meaning: "The capsule in the header was changed.", remedy: "Fetch the file again." },
  FRAGMENT_INVALID: { class: "failed", meaning: "A fragment does not fit its policy.", remedy: "Ask the owner to grant again." },
  FRAGMENTS_INSUFFICIENT: {
    class: "peers",
    meaning: "The fragments collected do not open the capsule.",
    remedy: "Try again; other proxies are asked then.",
  },
  REKEY_PENDING: {
    class: "failed",
    meaning: "The node's next epoch is prepared, and its statement is not on the ledger yet.",
    remedy: "Wait until the ledger can be reached; `keygrove status` says what is missing.",
  },
  REKEY_NOT_PENDING: { class: "failed", meaning: "No next epoch of the node is prepared.", remedy: "Run `keygrove node rekey`." },
  REKEY_EXCHANGE_INVALID: {
    class: "failed",
    meaning: "What the running keystore and the ceremony of a rekey tell each other does not fit together.",
    remedy: "Run `keygrove node rekey` again; if it stays, restart the node.",
  },
  REKEY_EPOCHS_EXHAUSTED: {
    class: "refused",
    meaning: "The node is in the last epoch in which a keystore can keep its oldest data readable.",
    remedy: "Have a new generation made with `keygrove node replace` on a node above it.",
  },
  MOVE_CHAIN_INVALID: {
    class: "refused",
    meaning: "The entries do not show that the root of this node's cluster was replaced and the node certified below the new one.",
    remedy: "Fetch the ledger again with `keygrove node move`; when it stays, have the invitation made again.",
  },
  MOVE_NOT_THIS_NODE: {
    class: "refused",
    meaning: "The invitation is not for the node of this home.",
    remedy: "Fetch the one for this node's path with `keygrove node move`, on its own machine.",
  },
  MOVE_PREDECESSORS_EXHAUSTED: {
    class: "refused",
    meaning: "The keystore keeps as many earlier nodes as it can.",
    remedy: "Use the invitation for a new home with `keygrove join`, and keep this one to read old data.",
  },
  BOOT_KEY_INVALID: {
    class: "failed",
    meaning: "The boot key is neither 32 bytes that only its owner can read nor what a TPM sealed.",
    remedy: "Give it mode 0600. When it is lost, start the node with its passphrase, which makes another.",
  },
  BOOT_KEY_SEALED: {
    class: "locked",
    meaning: "The boot key is sealed to this machine's TPM, which does not open it.",
    remedy:
      "Unlock the node with its passphrase or key file; when the TPM was cleared or its registers changed for good, run keygrove pieces join --boot-key tpm again.",
  },
  RUN_RECORD_ABSENT: {
    class: "locked",
    meaning: "Neither pieces nor a label open the keystore: nothing is shared yet, or a ceremony changed the node while it was stopped.",
    remedy:
      "Start the node with its passphrase or key file; pieces are shared again then, and a start by a label is set up again with `keygrove unlock delegate`.",
  },
  RUN_RECORD_STALE: {
    class: "locked",
    meaning: "What pieces open in the keystore is of another state than the node's record, because a ceremony was cut off.",
    remedy: "Start the node once with its passphrase or key file.",
  },
  SLOT_UNKNOWN: {
    class: "failed",
    meaning: "The keystore has no slot for the storage key that pieces gave.",
    remedy: "Nothing: pieces of another key generation are asked for. When none is left, use the passphrase.",
  },
  DELEGATED_START_ABSENT: {
    class: "locked",
    meaning: "No label of another node opens the keystore: none was ever told to, or a ceremony changed the node while it was stopped.",
    remedy: "Start the node with its passphrase or key file, and run `keygrove unlock delegate CARD`; a grant that stands goes on.",
  },
  DELEGATED_START_INVALID: {
    class: "failed",
    meaning: "What a label's proxies gave does not open the storage key that was sealed to the label.",
    remedy: "Start the node with its passphrase or key file, and run `keygrove unlock delegate CARD` with a new card of the label's owner.",
  },
  PIECE_INVALID: {
    class: "failed",
    meaning: "A key piece does not match its sharing, or was stored for another sharing or node.",
    remedy: "Nothing: its owner shares again in the next key generation.",
  },
}
