/** Version of this program, as in package.json; a repository test keeps them equal. */
export const VERSION = "0.1.0"
