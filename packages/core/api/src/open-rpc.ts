import { unreachable } from "@keygrove/base"
import { apiMethods } from "./methods.ts"
import type { Json, ParamSpec } from "./params.ts"

/** The interface as an OpenRPC 1.3 document, generated from {@link apiMethods}. */
export function openRpcDocument(version: string): Json {
  return {
    openrpc: "1.3.2",
    info: { title: "Keygrove node", version },
    methods: Object.entries(apiMethods).map(([name, spec]) => ({
      name,
      summary: spec.summary,
      paramStructure: "by-name",
      params: Object.entries<ParamSpec>(spec.params).map(([param, each]) => ({
        name: param,
        description: each.description,
        required: each.optional !== true,
        schema: schemaOf(each),
      })),
      result: { name: "result", schema: {} },
    })),
  }
}

function schemaOf(spec: ParamSpec): Json {
  switch (spec.type) {
    case "text":
      return { type: "string", maxLength: spec.maxLength }
    case "integer":
      return { type: "integer", minimum: spec.min, maximum: spec.max }
    case "boolean":
      return { type: "boolean" }
    case "choice":
      return { type: "string", enum: spec.values }
    case "object":
      return spec.schema
    case "hex":
      return { type: "string", pattern: "^([0-9a-fA-F]{2})*$", minLength: 2 * spec.minBytes, maxLength: 2 * spec.maxBytes }
    case "base64":
      return {
        type: "string",
        contentEncoding: "base64",
        minLength: 4 * Math.ceil(spec.minBytes / 3),
        maxLength: 4 * Math.ceil(spec.maxBytes / 3),
      }
    default:
      return unreachable(spec)
  }
}
