import { expect, test } from "vitest"
import { generatedKeyFile, generatedWarning, unlockMeans } from "./unlock-means.ts"

const HOME = "/srv/keygrove"

test("a home is unlocked by a passphrase, a key file, one that lies in it, or its peers", () => {
  expect(unlockMeans(HOME, {})).toEqual({ by: "passphrase", keyFile: null, note: null })
  expect(unlockMeans(HOME, { keyFile: "/media/usb/key" })).toMatchObject({ by: "file", keyFile: "/media/usb/key" })
  expect(unlockMeans(HOME, { keyFile: generatedKeyFile(HOME) })).toMatchObject({ by: "generated" })
  expect(unlockMeans(HOME, { keyFile: "/media/usb/key", unlock: "pieces" })).toMatchObject({ by: "pieces", keyFile: "/media/usb/key" })
  expect(unlockMeans(HOME, { unlock: "pieces" })).toEqual({ by: "pieces", keyFile: null, note: null })
})

test("a key that lies beside what it locks is warned of, also where peers unlock the node, and no other is", () => {
  expect(generatedWarning(HOME, { keyFile: `${HOME}/key` })).toEqual([
    expect.stringMatching(/^the node is unlocked by .*for development only$/),
  ])
  expect(generatedWarning(HOME, { keyFile: "/media/usb/key" })).toEqual([])
  expect(generatedWarning(HOME, {})).toEqual([])
})
