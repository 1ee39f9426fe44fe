import { graphlib, layout } from '@dagrejs/dagre';
import {
  Background,
  Controls,
  type Edge,
  Handle,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
} from '@xyflow/react';
import '@xyflow/react/dist/style.css';
import { useMemo } from 'react';
import { colors } from '../theme/tokens.ts';
import type { GraphLink, GraphNode } from './graph-focus.ts';

const WIDTH = 210;
const HEIGHT = 56;

interface NodeData extends Record<string, unknown> {
  readonly title: string;
  readonly kind: string;
  readonly color: string;
  readonly focused: boolean;
  readonly isGroup: boolean;
}
type CardNode = Node<NodeData, 'card'>;

const nodeTypes = { card: Card };

interface FlowGraphProps {
  readonly label: string;
  readonly nodes: readonly (GraphNode & { readonly isGroup?: boolean })[];
  readonly links: readonly GraphLink[];
  readonly focus?: string | undefined;
  readonly onOpen: (nodeId: string) => void;
  readonly height?: number;
}

/** A directed graph laid out in layers from left to right; a node is opened by click or Enter. */
export function FlowGraph({ label, nodes, links, focus, onOpen, height = 520 }: FlowGraphProps) {
  const placed = useMemo(() => place(nodes, links, focus), [nodes, links, focus]);
  const edges = useMemo<Edge[]>(
    () =>
      links.map((link) => ({
        id: `${link.from}→${link.to}`,
        source: link.from,
        target: link.to,
        style: {
          stroke: link.from === focus || link.to === focus ? colors.primary : colors.lineStrong,
          strokeWidth: link.from === focus || link.to === focus ? 2 : 1.2,
        },
      })),
    [links, focus],
  );
  return (
    <section style={{ height }} aria-label={label}>
      <ReactFlow
        key={`${focus ?? ''}:${nodes.length}`}
        nodes={placed}
        edges={edges}
        nodeTypes={nodeTypes}
        onNodeClick={(_event, node) => onOpen(node.id)}
        nodesDraggable={false}
        nodesConnectable={false}
        fitView
        fitViewOptions={{ maxZoom: 1, minZoom: 0.5, padding: 0.04 }}
        minZoom={0.1}
        proOptions={{ hideAttribution: true }}
      >
        <Background color={colors.line} gap={24} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </section>
  );
}

function Card({ data }: NodeProps<CardNode>) {
  return (
    <div
      style={{
        width: WIDTH,
        height: HEIGHT,
        borderRadius: 10,
        background: data.focused ? colors.primarySoft : colors.surface,
        border: `1px solid ${data.focused ? colors.primary : colors.line}`,
        borderLeft: `4px solid ${data.color}`,
        // A stack of cards stands for several.
        ...(data.isGroup
          ? { boxShadow: `3px 3px 0 ${colors.surface}, 4px 4px 0 1px ${colors.lineStrong}` }
          : {}),
        padding: '7px 12px',
        cursor: 'pointer',
      }}
      title={data.title}
    >
      <Handle type="target" position={Position.Left} style={{ opacity: 0 }} isConnectable={false} />
      <div className="ellipsis" style={{ fontSize: 11, color: colors.inkFaint }}>
        {data.kind}
      </div>
      <div className="ellipsis" style={{ fontWeight: 500, fontSize: 13 }}>
        {data.title}
      </div>
      <Handle type="source" position={Position.Right} style={{ opacity: 0 }} isConnectable={false} />
    </div>
  );
}

function place(
  nodes: FlowGraphProps['nodes'],
  links: readonly GraphLink[],
  focus: string | undefined,
): CardNode[] {
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: 12, ranksep: 48, marginx: 12, marginy: 12 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node.id, { width: WIDTH, height: HEIGHT });
  for (const link of links) graph.setEdge(link.from, link.to);
  layout(graph);
  return nodes.map((node) => {
    const at = graph.node(node.id);
    return {
      id: node.id,
      type: 'card',
      position: { x: (at.x ?? 0) - WIDTH / 2, y: (at.y ?? 0) - HEIGHT / 2 },
      data: {
        title: node.title,
        kind: node.kind,
        color: node.color,
        focused: node.id === focus,
        isGroup: node.isGroup === true,
      },
      ariaLabel: `${node.kind}: ${node.title}`,
    };
  });
}
