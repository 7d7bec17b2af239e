/** Every wire keeps the laws of upstreams. */
import { all } from "./laws/Spoken.ts"
import { testUpstream } from "./laws/testUpstream.ts"

for (const spoken of all) testUpstream(spoken)
