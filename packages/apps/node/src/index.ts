export { initialiseNode, type InitialisedNode, type InitialiseOptions } from "./home/initialise.ts"
