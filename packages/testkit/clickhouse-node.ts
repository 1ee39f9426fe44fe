/*
 * One ClickHouse server out of the npm library of chDB, which is a whole clickhouse-local: it is told to listen, and
 * lives as long as its standard input is open. Started by clickhouse-cluster.ts with a configuration folder.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { DataType, load, open } from 'ffi-rs';

const [directory = ''] = process.argv.slice(2);
const platform =
  process.platform === 'linux' ? `linux-${process.arch}-gnu` : `${process.platform}-${process.arch}`;
const require = createRequire(createRequire(import.meta.url).resolve('chdb'));
const library = join(dirname(require.resolve(`@chdb/lib-${platform}`)), 'libchdb.so');

const statements = [
  'SYSTEM START LISTEN HTTP',
  'SYSTEM START LISTEN TCP',
  "SELECT 'listening'",
  "SELECT count() FROM file('stdin', 'LineAsString') FORMAT Null",
];
const command = [
  'clickhouse',
  `--config-file=${join(directory, 'config.xml')}`,
  `--path=${join(directory, 'data')}`,
  '--multiquery',
  '--query',
  statements.join('; '),
];
open({ library: 'chdb', path: library });
load({
  library: 'chdb',
  funcName: 'chdb_query_cmdline',
  retType: DataType.External,
  paramsType: [DataType.I32, DataType.StringArray],
  paramsValue: [command.length, command],
});
