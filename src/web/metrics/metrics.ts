/** `/tls-peers/metrics`: what all processes have counted, and what is so now. prom-client writes both formats. */
import { Counter, Gauge, Registry, type RegistryContentType } from 'prom-client';
import type { ProbeResult } from '../../dns/probe';
import { failureStatus } from '../../failure';
import type { Figures } from '../../figures';
import type { Settings } from '../../settings/schema/types';
import { printable } from '../../text';
import { failure, type Answer } from '../shared/answer';
import type { MetricsFacts, ReportFacts } from '../shared/metrics_facts';
import { counted, families, prefix, type Family, type FamilyName } from './families';

export interface MetricsOptions {
  readonly figures: () => Promise<Figures>;
  readonly settings: () => Settings;
  readonly faults: () => readonly string[];
  /** Asks the thread. */
  readonly facts: (peers: number) => Promise<Answer>;
  readonly probe: () => ProbeResult | 'not_probed';
  readonly version: string;
  readonly now: () => Date;
}

/** Each of them, also where nothing waits: what is not there cannot be alerted on. */
const heldReasons = Object.keys(failureStatus);

/** Milliseconds for which what the thread says is not asked for again. */
const keptMs = 20_000;

interface Sample {
  readonly family: FamilyName;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export class Metrics {
  readonly #options: MetricsOptions;
  #facts: { readonly at: number; readonly facts: MetricsFacts } | undefined;

  constructor(options: MetricsOptions) {
    this.#options = options;
  }

  /** @param accepts the Accept header */
  async answer(accepts: string): Promise<Answer> {
    const { figures, now } = this.#options;
    const [sums, facts] = await Promise.all([figures(), this.#known(now())]);
    if (facts === undefined)
      return failure(503, 'what is not counted could not be found out', { 'Retry-After': '5' });
    const type = contentType(accepts);
    const registry = new Registry<RegistryContentType>();
    registry.setContentType(type);
    write(registry, [...fromFigures(sums), ...this.#present(facts, now())]);
    return { status: 200, headers: { 'Content-Type': type }, body: await registry.metrics() };
  }

  async #known(now: Date): Promise<MetricsFacts | undefined> {
    if (this.#facts !== undefined && now.getTime() - this.#facts.at < keptMs) return this.#facts.facts;
    const { status, body = '' } = await this.#options.facts(this.#options.settings().global.web.metricsPeers);
    if (status !== 200) return undefined;
    const facts = JSON.parse(Buffer.from(body as string).toString('utf8')) as MetricsFacts;
    this.#facts = { at: now.getTime(), facts };
    return facts;
  }

  *#present(facts: MetricsFacts, now: Date): Generator<Sample> {
    const { probe, version, faults } = this.#options;
    const until = (time: string) => (Date.parse(time) - now.getTime()) / 1000;
    const probed = probe();
    const findings = probed === 'not_probed' ? [] : probed.findings;
    for (const { server, kind } of findings)
      yield sample('resolver_validating', { server }, kind === 'validates' ? 1 : 0);
    const at = probed === 'not_probed' ? 0 : probed.at.getTime() / 1000;
    yield sample('resolver_probe_timestamp_seconds', {}, at);
    for (const [mode, count] of Object.entries(facts.policies)) yield sample('policies', { mode }, count);
    for (const { name, expires } of facts.certificates)
      yield sample('certificate_expiry_seconds', { certificate: name }, until(expires));
    for (const { rule, ends } of facts.exemptions)
      yield sample('exemption_expiry_seconds', { rule }, until(ends));
    if (facts.isHeldKnown) {
      for (const reason of heldReasons) yield sample('held_messages', { reason }, facts.held[reason] ?? 0);
      const age = facts.oldestHeld === '' ? 0 : Math.max(0, -until(facts.oldestHeld));
      yield sample('oldest_held_seconds', {}, age);
    }
    for (const { managed, direction, peer, tls, failures } of facts.peers) {
      const labels = { managed, direction, peer };
      for (const [version_, count] of Object.entries(tls))
        yield sample('peer_messages', { ...labels, tls: version_ }, count);
      yield sample('peer_failures', labels, failures);
    }
    if (facts.reports !== 'not_known') yield* ofReports(facts.reports);
    yield sample('configuration_faults', {}, faults().length);
    yield sample('build_info', { version }, 1);
  }
}

function contentType(accepts: string): RegistryContentType {
  return /application\/openmetrics-text/i.test(accepts)
    ? Registry.OPENMETRICS_CONTENT_TYPE
    : Registry.PROMETHEUS_CONTENT_TYPE;
}

function sample(family: FamilyName, labels: Sample['labels'], value: number): Sample {
  // What others or files name must not break a line, nor look like another.
  const shown = Object.entries(labels).map(([name, text]) => [name, printable(text)] as const);
  return { family, labels: Object.fromEntries(shown), value };
}

/** Each of them, also where none is in it. */
const reportStates = [
  'queued',
  'accepted',
  'failed',
  'refused',
  'given_up',
  'held',
  'suppressed',
  'unwanted',
] as const;
const rolloutStates = ['waiting', 'failing', 'safe', 'not_testing'] as const;

function* ofReports({ sent, received, failures, rollouts }: ReportFacts): Generator<Sample> {
  for (const state of reportStates) yield sample('reports', { state }, sent[state] ?? 0);
  yield sample('received_reports', {}, received);
  for (const [domain, sessions] of Object.entries(failures))
    yield sample('reported_failures', { domain }, sessions);
  for (const [domain, now] of Object.entries(rollouts))
    for (const state of rolloutStates)
      yield sample('policy_rollout', { domain, state }, state === now ? 1 : 0);
}

function* fromFigures({ counters, gauges, processes }: Figures): Generator<Sample> {
  for (const { name, labels, value } of counters) {
    const family = counted[name];
    if (family !== undefined) yield sample(family, labels, value);
  }
  for (const { name, labels, value } of gauges) if (isFamily(name)) yield sample(name, labels, value);
  yield sample('processes', {}, processes);
}

function isFamily(name: string): name is FamilyName {
  return Object.hasOwn(families, name);
}

/** Families without a sample are there as well: what never happened has happened 0 times, and an alert can count on it. */
function write(registry: Registry<RegistryContentType>, samples: Iterable<Sample>): void {
  const byFamily = new Map<FamilyName, Sample[]>();
  for (const one of samples) byFamily.set(one.family, [...(byFamily.get(one.family) ?? []), one]);
  for (const [name, family] of Object.entries(families) as [FamilyName, Family][]) {
    const about = {
      name: prefix + name,
      help: family.help,
      labelNames: [...family.labels],
      registers: [registry],
    };
    const found = byFamily.get(name) ?? [];
    if (family.kind === 'counter') {
      const counter = new Counter(about);
      for (const { labels, value } of found) counter.inc({ ...labels }, value);
    } else {
      const gauge = new Gauge(about);
      for (const { labels, value } of found) gauge.set({ ...labels }, value);
    }
  }
}
