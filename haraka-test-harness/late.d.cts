export declare function late(ms: number, action: () => void): () => void;
