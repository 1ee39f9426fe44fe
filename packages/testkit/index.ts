export { startTestStores, type TestStores, type TestStoresOptions } from './stores.ts';
