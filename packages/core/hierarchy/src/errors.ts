import type { ErrorTable } from "@keygrove/base"
import type { NameRefusal } from "./names.ts"

/** Codes of core/hierarchy. */
export const hierarchyErrors: ErrorTable<NameRefusal | "IDENTITY_INVALID" | "ROOT_URI_INVALID" | "STATEMENT_INVALID"> = {
  PATH_INVALID: {
    class: "usage",
    meaning: "A node name or path does not follow the grammar.",
    remedy: "Use names of a-z, 0-9 and -, as in /laptop/phone.",
  },
  GENERATION_INVALID: {
    class: "usage",
    meaning: "A generation is not a counter from 1.",
    remedy: "Use the generation that the node's certificate names.",
  },
  EPOCH_INVALID: {
    class: "usage",
    meaning: "An epoch is not a counter from 1.",
    remedy: "Use the epoch that the node's last rekey names.",
  },
  CLUSTER_INVALID: {
    class: "usage",
    meaning: "A cluster id is not a fingerprint.",
    remedy: "Copy the 64 hex digits again from keygrove status.",
  },
  TIMESTAMP_INVALID: { class: "usage", meaning: "A time is out of range.", remedy: "Give a date after 1970." },
  IDENTITY_INVALID: {
    class: "usage",
    meaning: "A kg1… identity is damaged or not one.",
    remedy: "Copy it again from the other person's keygrove id.",
  },
  ROOT_URI_INVALID: {
    class: "usage",
    meaning: "A root's address, as in the QR code of a recovery sheet, is malformed, or its anchor is not its cluster's.",
    remedy: "Scan it again, or compare the sheet with what `keygrove status` says.",
  },
  STATEMENT_INVALID: {
    class: "failed",
    meaning: "The body of a ledger statement is malformed.",
    remedy: "Update whichever node wrote it; if it came from a ledger host, follow another one.",
  },
}
