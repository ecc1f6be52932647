// Audits a server: node audit.mjs http://127.0.0.1:PORT/graphql; prints every audit's outcome as JSON.
import { auditServer } from "graphql-http";

const results = await auditServer({ url: process.argv[2], fetchFn: fetch });
console.log(JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
