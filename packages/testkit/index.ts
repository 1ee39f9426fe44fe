export { testActor } from './actors.ts';
export { type ClickHouseCluster, type ClickHouseNode, startClickHouseCluster } from './clickhouse-cluster.ts';
export { startTestHttp, type TestHttp } from './http.ts';
export {
  type ProviderBehaviour,
  type ProviderSms,
  SIGNATURE_HEADER,
  type SmsProvider,
  type SmsProviderOptions,
  signedHeaders,
  startSmsProvider,
  TIMESTAMP_HEADER,
} from './sms-provider.ts';
export {
  type SinkBehaviour,
  type SinkMail,
  type SmtpSink,
  type SmtpSinkOptions,
  startSmtpSink,
} from './smtp-sink.ts';
export { startTestStores, type TestStores, type TestStoresOptions } from './stores.ts';
export { waitFor } from './wait-for.ts';
