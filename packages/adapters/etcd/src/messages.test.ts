import { create, fromBinary, toBinary, type DescMessage } from "@bufbuild/protobuf"
import { utf8 } from "@keygrove/base"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { StatusResponseSchema, TxnRequestSchema, TxnResponseSchema, WatchResponseSchema } from "./etcd_pb.ts"
import { readStatus, readTransactionAnswer, readWatchAnswer, writeTransaction } from "./messages.ts"

describe("messages of etcd", () => {
  test("are written as etcd reads them", () => {
    const request = writeTransaction({
      conditions: [
        { kind: "value", key: utf8("k"), value: utf8("v") },
        { kind: "absent", key: utf8("k"), end: utf8("l") },
      ],
      operations: [{ kind: "put", key: utf8("k"), value: utf8("w") }],
      otherwise: [{ kind: "range", key: utf8("k"), end: utf8("l"), limit: 3 }],
    })
    // Numbers of fields: kv.proto and rpc.proto of etcd. A member of a oneof is there though it is 0 (28 00), a range's end is field 64 (82 04).
    const expected = [
      "0a08 1003 1a016b 3a0176",
      "0a0b 1001 1a016b 2800 8204016c",
      "1208 1206 0a016b 120177",
      "1a0a 0a08 0a016b 12016c 1803",
    ]
    const bytes = toBinary(TxnRequestSchema, create(TxnRequestSchema, request))
    expect(Buffer.from(bytes).toString("hex")).toBe(expected.join("").replaceAll(" ", ""))
  })

  test("say nothing without their header, or of an event without its key", () => {
    expect(readTransactionAnswer(create(TxnResponseSchema, { succeeded: true }))).toBeUndefined()
    expect(readStatus(create(StatusResponseSchema, { version: "3.5.0" }))).toBeUndefined()
    expect(readWatchAnswer(create(WatchResponseSchema, { events: [{}] }))).toBeUndefined()
  })

  test("keep what is shown short and printable, and numbers safe", () => {
    const status = create(StatusResponseSchema, {
      header: { memberId: 2n ** 64n - 1n },
      version: "3".repeat(99),
      dbSize: -1n,
      raftTerm: 2n ** 60n,
      errors: Array.from({ length: 20 }, () => "a\n".repeat(200)),
    })
    const read = readStatus(status)
    expect(read).toMatchObject({ member: "ffffffffffffffff", leader: "0", version: "3".repeat(32), databaseBytes: 0, raftTerm: 0 })
    expect(read?.alarms).toEqual(Array.from({ length: 8 }, () => "a?".repeat(100)))
  })

  test("are read from any bytes that are messages", () => {
    const readAny = <M extends DescMessage>(schema: M, bytes: Uint8Array) => {
      try {
        return fromBinary(schema, bytes)
      } catch {
        // The library refuses it, and the call is lost (grpc-connection.test.ts).
        return create(schema)
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        readTransactionAnswer(readAny(TxnResponseSchema, bytes))
        readWatchAnswer(readAny(WatchResponseSchema, bytes))
        readStatus(readAny(StatusResponseSchema, bytes))
      }),
      { numRuns: 2_000 },
    )
  })
})
