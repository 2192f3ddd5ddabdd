import { posix } from "node:path"
import { expect, test } from "vitest"
import { openConsoleAssets } from "./assets.ts"

test("from sources: what the page names is there, what it imports leads to another asset, and tests are left out", async () => {
  const assets = await openConsoleAssets()
  const page = assets.get("index.html")?.body.toString("utf8") ?? ""
  const named = [...page.matchAll(/(?:src|href)="\/console\/([^"]+)"/g)].map(([, name = ""]) => name)
  expect(named).toEqual(["icon.svg", "console.css", "main.js", "icon.svg"])
  for (const name of named) expect(assets.has(name), name).toBe(true)
  const modules = [...assets].filter(([, { type }]) => type.startsWith("text/javascript"))
  expect(modules.length).toBeGreaterThan(10)
  for (const [name, { body }] of modules) {
    const text = body.toString("utf8")
    for (const [, specifier = ""] of text.matchAll(/^(?:import|export)\b[^;]*?from ["']([^"']+)["']/gm)) {
      const target = specifier.startsWith("/console/") ? specifier.slice("/console/".length) : posix.join(posix.dirname(name), specifier)
      expect(assets.has(target), `${name} imports ${specifier}`).toBe(true)
    }
  }
  expect([...assets.keys()].filter((name) => name.includes("test") || name.includes("..") || name.startsWith("/"))).toEqual([])
})

test("the page makes no markup of text, and has no script or style within", async () => {
  const assets = await openConsoleAssets()
  for (const [name, { body }] of assets) {
    if (name.startsWith("qr/")) continue
    expect(body.toString("utf8"), name).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser/,
    )
  }
  const page = assets.get("index.html")?.body.toString("utf8") ?? ""
  expect(page).not.toMatch(/<style|style=|<script(?![^>]*\bsrc="\/console\/)|\son[a-z]+=|https?:/)
})
