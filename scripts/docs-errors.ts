// `npm run docs:errors`: writes docs/errors.md from the problems that the modules declare.
import { writeFileSync } from 'node:fs';
import { errorDocs } from '../apps/server/error-docs.ts';

writeFileSync(new URL('../docs/errors.md', import.meta.url), errorDocs());
