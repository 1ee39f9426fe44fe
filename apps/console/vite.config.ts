import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Vendor chunks that change less often than our pages, so that a browser keeps them over releases. */
const VENDORS = [
  { name: 'echarts', test: /node_modules\/(echarts|zrender)\// },
  { name: 'editor', test: /node_modules\/(@codemirror|@lezer|style-mod|w3c-keyname|crelt)\// },
  { name: 'graph', test: /node_modules\/(@xyflow|@dagrejs|d3-)/ },
  { name: 'antd', test: /node_modules\/(antd|@ant-design|@rc-component|rc-|dayjs)/ },
  { name: 'react', test: /node_modules\/(react|react-dom|scheduler|@tanstack|i18next|react-i18next)\// },
];

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: 'dist',
    // The page's policy is script-src 'self': nothing may be inlined as a script or a data: module.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Ant Design is one chunk, fetched once and kept.
    chunkSizeWarningLimit: 1400,
    rolldownOptions: { output: { codeSplitting: { groups: VENDORS } } },
  },
  server: { proxy: { '/api': 'http://127.0.0.1:8080', '/u': 'http://127.0.0.1:8080' } },
});
