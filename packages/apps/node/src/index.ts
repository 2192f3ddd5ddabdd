export { administerNode, type AdministerOptions, type NodeAct, type SignedAct } from "./home/administer.ts"
export { initialiseNode, type InitialisedNode, type InitialiseOptions } from "./home/initialise.ts"
