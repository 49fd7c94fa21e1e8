// What a panel of Grafana is in Perses. A test of hack/pictures sees to it that the boards have all panels that are chosen here by their titles.
import { whatHappened, legendOnTheRight, units } from './panels.json';

export const columns = 24;

const inRelease = { cluster: '.*', job: '.*', workload: '.*', release_namespace: 'shop', release_service: 'checkout' };

// expression is what a panel asks for in the time of the picture. Perses has no logarithmic axis, so exponents are drawn on one; its legends have
// one line, so where there are many kinds of events only those are asked for that happened.
export function expression(panel, target, range) {
  const seconds = (range.end - range.start) / 1000;
  const text = target.expr
    .replaceAll('$__rate_interval', panel.interval === '5m' ? '330s' : '120s')
    .replaceAll('$__range', `${seconds}s`)
    .replace(/\$\{(\w+)\}|\$(\w+)/g, (_, a, b) => inRelease[a ?? b] ?? '');
  if (whatHappened.includes(panel.title)) return `${text} > 0`;
  return logarithmic(panel) ? `log10(${text})` : text;
}

const logarithmic = (panel) => panel.fieldConfig.defaults.custom?.scaleDistribution?.type === 'log';

const colors = { green: '#56A64B', red: '#E02F44', orange: '#FF780A', blue: '#3274D9', transparent: '#00000000' };
const color = (name) => colors[name] ?? name;

// fixed is the color of a whole panel.
const fixed = (panel) => color(panel.fieldConfig.defaults.color?.fixedColor ?? 'blue');

// byQuery are the colors and dashes of queries. Perses gives none to single series, so all that was aborted is red.
function byQuery(panel) {
  return panel.targets.flatMap((t, i) => {
    const mine = (panel.fieldConfig.overrides ?? []).filter((o) => o.matcher.id === 'byFrameRefID' && o.matcher.options === t.refId);
    const properties = Object.fromEntries(mine.flatMap((o) => o.properties).map((p) => [p.id, p.value]));
    return properties.color
      ? [{ queryIndex: i, colorMode: 'fixed', colorValue: color(properties.color.fixedColor), lineStyle: properties['custom.lineStyle'] ? 'dashed' : 'solid' }]
      : t.expr.includes('outcome="Aborted"') ? [{ queryIndex: i, colorMode: 'fixed', colorValue: colors.red }] : [];
  });
}

// mappings are those of the panel, as Perses has them.
function mappings(panel) {
  const all = (panel.fieldConfig.defaults.mappings ?? []).flatMap((m) => Object.entries(m.options));
  return all.map(([value, r]) => ({ kind: 'Value', spec: { value, result: { value: r.text, color: color(r.color) } } }));
}

export function panel(of) {
  const defaults = of.fieldConfig.defaults;
  const custom = defaults.custom ?? {};
  const format = { ...units[defaults.unit], ...(defaults.decimals === 0 && of.type !== 'timeseries' ? { decimalPlaces: 0 } : {}) };
  switch (of.type) {
    case 'stat':
      return {
        kind: 'StatChart',
        spec: {
          calculation: 'last-number', format, valueFontSize: 26,
          ...(of.options.textMode === 'name' ? { metricLabel: 'state' } : {}),
          thresholds: defaults.thresholds
            ? { defaultColor: color('green'), steps: defaults.thresholds.steps.filter((s) => s.value != null).map((s) => ({ value: s.value, color: color(s.color) })) }
            : { defaultColor: fixed(of) },
        },
      };
    case 'bargauge':
      return { kind: 'BarChart', spec: { calculation: 'last', format, mode: 'value', sort: 'desc' } };
    case 'state-timeline':
      return { kind: 'StatusHistoryChart', spec: { mappings: mappings(of) } };
    case 'table': {
      const by = of.transformations.find((t) => t.id === 'organize').options;
      const names = Object.entries(by.indexByName).sort((a, b) => a[1] - b[1]).map(([name]) => name);
      return {
        kind: 'Table',
        spec: {
          density: 'compact',
          columnSettings: [
            ...names.filter((n) => n !== 'cluster').map((n) => ({ name: n === 'Value' ? 'value' : n, header: by.renameByName[n], ...(n === 'Value' ? { format, sort: 'desc' } : {}) })),
            ...['timestamp', 'cluster', ...(names.includes('Value') ? [] : ['value'])].map((name) => ({ name, hide: true })),
          ],
        },
      };
    }
    default:
      return {
        kind: 'TimeSeriesChart',
        spec: {
          legend: { position: legendOnTheRight.includes(of.title) ? 'right' : 'bottom', mode: 'list', size: 'small' },
          yAxis: { format, min: defaults.min, max: defaults.max, ...(logarithmic(of) ? { label: 'power of ten' } : {}) },
          visual: {
            display: custom.drawStyle === 'bars' ? 'bar' : 'line', lineWidth: 2, areaOpacity: (custom.fillOpacity ?? 0) / 100,
            stack: custom.stacking?.mode === 'normal' ? 'all' : 'none', palette: { mode: 'categorical' },
          },
          querySettings: byQuery(of),
        },
      };
  }
}
