/** Custom properties for a grid of cells of this least width. */
export const cells = (widthPx: number): Record<string, string> => ({ '--cell': `${widthPx}px` });

/** Custom properties for a split page with a side of this width. */
export const side = (widthPx: number): Record<string, string> => ({ '--side': `${widthPx}px` });
