export { administerNode, type AdministerOptions, type NodeAct, type SignedAct } from "./home/administer.ts"
export { initialiseNode, type InitialisedNode, type InitialiseOptions } from "./home/initialise.ts"
export { openRoot, type RootAct, type RootOptions, type RootOutcome } from "./home/open-root.ts"
export { readRootFacts, rootFactsOf } from "./home/root-facts.ts"
