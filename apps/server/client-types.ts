import openapi, { astToString } from 'openapi-typescript';

/** The TypeScript types of the API that answers at this address, as text. */
export async function clientTypes(serverUrl: string): Promise<string> {
  const nodes = await openapi(new URL('/api/v1/openapi.json', serverUrl), { alphabetize: true });
  return `// Generated from the OpenAPI document by \`npm run generate:client\`; do not edit.\n${astToString(nodes)}`;
}
