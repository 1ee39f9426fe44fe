import { Value } from 'typebox/value';
import { parse, stringify } from 'yaml';
import { MetricDefinition } from './contract.ts';
import { metricsProblems } from './metrics.problems.ts';

/** Reads a `*.metrics.yaml`: `metrics:` and a list of definitions. @throws metrics.invalid_file */
export function parseMetricsYaml(text: string): MetricDefinition[] {
  let document: unknown;
  try {
    document = parse(text);
  } catch (cause) {
    throw metricsProblems.invalid_file({
      detail: `The file is no YAML: ${cause instanceof Error ? cause.message.split('\n')[0] : 'it cannot be read'}`,
      cause,
    });
  }
  const metrics =
    typeof document === 'object' && document !== null && 'metrics' in document ? document.metrics : undefined;
  if (!Array.isArray(metrics))
    throw metricsProblems.invalid_file({ detail: 'The file must hold a list named "metrics".' });
  const seen = new Set<string>();
  return metrics.map((entry: unknown, index) => {
    if (!Value.Check(MetricDefinition, entry)) {
      const [first] = Value.Errors(MetricDefinition, entry);
      throw metricsProblems.invalid_file({
        detail: `/metrics/${index}${first?.instancePath ?? ''}: ${first?.message ?? 'is not a metric'}`,
      });
    }
    if (seen.has(entry.id))
      throw metricsProblems.invalid_file({ detail: `/metrics/${index}/id: "${entry.id}" stands twice.` });
    seen.add(entry.id);
    return entry;
  });
}

export function writeMetricsYaml(metrics: readonly MetricDefinition[]): string {
  return stringify({ metrics });
}
