import { KeygroveError } from "@keygrove/base"
import { expect, test } from "vitest"
import { unexpectedFailure } from "./unexpected-failure.ts"

const secret = "what was worked on"

test.each([
  ["SQLite's full disk", Object.assign(new Error(secret), { code: "ERR_SQLITE_ERROR", errcode: 13 }), "DISK_FULL"],
  ["no room for shared memory", Object.assign(new Error(secret), { code: "ERR_SQLITE_ERROR", errcode: 4_874 }), "DISK_FULL"],
  ["a full disk", Object.assign(new Error(secret), { code: "ENOSPC", syscall: "write" }), "DISK_FULL"],
  ["a full quota", Object.assign(new Error(secret), { code: "EDQUOT", syscall: "write" }), "DISK_FULL"],
  ["another fault of SQLite", Object.assign(new Error(secret), { code: "ERR_SQLITE_ERROR", errcode: 1 }), "KEYSTORE_START_FAILED"],
  ["anything else", secret, "KEYSTORE_START_FAILED"],
])("%s is told without its words", (_, error, code) => {
  const failure = unexpectedFailure(error, "/home/keystore.db")
  expect(failure).toMatchObject({ ok: false, code })
  expect(JSON.stringify(failure)).not.toContain(secret)
})

test("a code of our own stays", () => {
  expect(unexpectedFailure(new KeygroveError("KEYSTORE_LOCKED", "locked"), "x")).toMatchObject({ code: "KEYSTORE_LOCKED" })
})
