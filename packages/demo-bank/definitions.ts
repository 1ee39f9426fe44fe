export const DEMO_DOCUMENTS = {};
export async function writeDefinitions(_outDir: string): Promise<void> {}
