// Draws one board, as it is shipped for Grafana, by the renderer of Perses: ?board=<uid>&theme=light|dark&from=&to=<ms>&prometheus=<address>.
// Boards and the values of their variables are compiled in. Kinds of panels that Perses has not are drawn by the nearest that it has.
import React from 'react';
import { createRoot } from 'react-dom/client';
import { CssBaseline, ThemeProvider } from '@mui/material';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { ChartsProvider, SnackbarProvider, generateChartsTheme, getTheme } from '@perses-dev/components';
import { DataQueriesProvider, PluginRegistry, TimeRangeProvider, dynamicImportPluginLoader } from '@perses-dev/plugin-system';
import { DatasourceStoreProvider, Panel, VariableProvider } from '@perses-dev/dashboards';
import * as barChart from '@perses-dev/bar-chart-plugin';
import * as prometheus from '@perses-dev/prometheus-plugin';
import * as statChart from '@perses-dev/stat-chart-plugin';
import * as statusHistory from '@perses-dev/status-history-chart-plugin';
import * as table from '@perses-dev/table-plugin';
import * as timeSeries from '@perses-dev/timeseries-chart-plugin';
import fleet from 'boards/stagger-fleet.json';
import release from 'boards/stagger-release.json';
import evidence from 'boards/stagger-evidence.json';
import operator from 'boards/stagger-operator.json';
import { columns, expression, panel } from './translate.js';

const asked = new URLSearchParams(location.search);
const board = [fleet, release, evidence, operator].find((b) => b.uid === asked.get('board'));
const range = { start: new Date(Number(asked.get('from'))), end: new Date(Number(asked.get('to'))) };
const theme = getTheme(asked.get('theme'));
const plugins = dynamicImportPluginLoader(
  [barChart, prometheus, statChart, statusHistory, table, timeSeries].map((p) => ({ resource: p.getPluginModule(), importPlugin: async () => p }))
);
const datasource = {
  kind: 'Datasource',
  metadata: { name: 'prometheus' },
  spec: { default: true, plugin: { kind: 'PrometheusDatasource', spec: { directUrl: asked.get('prometheus') } } },
};
const datasources = {
  getDatasource: async () => datasource,
  getGlobalDatasource: async () => datasource,
  listDatasources: async () => [datasource],
  listGlobalDatasources: async () => [datasource],
  buildProxyUrl: () => asked.get('prometheus'),
};

// Cell is a panel in its place, or the heading of a row.
function Cell({ of }) {
  const place = {
    gridColumn: `${of.gridPos.x + 1} / span ${of.gridPos.w}`,
    gridRow: `${of.gridPos.y + 1} / span ${of.gridPos.h}`,
  };
  if (of.type === 'row') {
    return <h2 style={{ ...place, margin: 0, alignSelf: 'end', font: `600 16px ${theme.typography.fontFamily}` }}>{of.title}</h2>;
  }
  const queries = of.targets.map((t) => ({
    kind: 'PrometheusTimeSeriesQuery',
    spec: { query: expression(of, t, range), seriesNameFormat: t.legendFormat?.replace('{{cluster}}', '').replace(', {{replicaset}}', '').trim() },
  }));
  return (
    <div style={place}>
      <DataQueriesProvider definitions={queries} options={{ mode: ['table', 'bargauge', 'stat'].includes(of.type) ? 'instant' : 'range' }}>
        <Panel style={{ height: '100%' }} definition={{ kind: 'Panel', spec: { display: { name: of.title }, plugin: panel(of) } }} panelOptions={{ showIcons: 'hover' }} />
      </DataQueriesProvider>
    </div>
  );
}

function Board() {
  const inGrid = { display: 'grid', gridTemplateColumns: `repeat(${columns}, 1fr)`, gridAutoRows: '30px', gap: '6px', padding: '12px' };
  return (
    <ThemeProvider theme={theme}>
      <CssBaseline />
      <ChartsProvider chartsTheme={generateChartsTheme(theme, { echartsTheme: { grid: { top: 10 } } })} enablePinning={false}>
        <SnackbarProvider>
          <PluginRegistry pluginLoader={plugins} defaultPluginKinds={{ Panel: 'TimeSeriesChart', TimeSeriesQuery: 'PrometheusTimeSeriesQuery' }}>
            <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { refetchOnWindowFocus: false, retry: 0 } } })}>
              <TimeRangeProvider timeRange={range} refreshInterval="0s">
                <VariableProvider>
                  <DatasourceStoreProvider datasourceApi={datasources}>
                    <h1 style={{ margin: '12px 12px 0', font: `600 20px ${theme.typography.fontFamily}` }}>{board.title}</h1>
                    <div style={inGrid}>{board.panels.map((p) => <Cell key={p.id} of={p} />)}</div>
                  </DatasourceStoreProvider>
                </VariableProvider>
              </TimeRangeProvider>
            </QueryClientProvider>
          </PluginRegistry>
        </SnackbarProvider>
      </ChartsProvider>
    </ThemeProvider>
  );
}

createRoot(document.getElementById('root')).render(<Board />);
