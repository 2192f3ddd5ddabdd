import { Console } from "./console.ts"
import { showEntrance } from "./entrance.ts"
import { hasSession, logIn } from "./node-client.ts"

/** The page: the token of a link is used up, or the session of this tab goes on. */
const token = location.hash.slice(1)
// Out of the address bar and the history before anything else is done.
if (token !== "") history.replaceState(null, "", location.pathname)
// A link that is opened where the page already is changes the fragment only.
addEventListener("hashchange", () => location.reload())

const login = token === "" ? undefined : await logIn(token)
if (login?.ok === false) showEntrance(login)
else if (hasSession()) new Console().start()
else showEntrance(undefined)
