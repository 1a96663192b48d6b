import { convEmbedding, convNet, crossEntropy, key, maml, prototypicalNetwork, sgd } from "@innerloop/core";
import { functionLayer } from "@innerloop/core/layers";
import { leaves, paths } from "@innerloop/graph";
import { describe, expect, it } from "vitest";
import { trainedEmbedding } from "./trained-embedding.js";

const shape = { imageShape: [8, 8, 1], filters: 4, blocks: 2, batchNorm: "transductive" } as const;
const embedding = convEmbedding(shape);

describe("the embedding of a trained learner", () => {
  it("is all of it, where that is what it learns", () => {
    const params = prototypicalNetwork({ model: embedding, ways: 3 }).init(key(5));
    const found = trainedEmbedding(embedding, params)!;
    expect(leaves(found)).toEqual(leaves(params));
    expect(leaves(found)[0]).toBe(leaves(params)[0]);
  });

  it("is a classifier's body: the same tensors, without the head", () => {
    const model = convNet({ ...shape, ways: 3 });
    const params = maml({ model, loss: crossEntropy, inner: sgd({ learningRate: 0.1 }) }).init(key(5));
    const found = trainedEmbedding(embedding, params)!;
    expect(paths(found)).toEqual(paths(embedding.init(key(0))));
    for (const leaf of leaves(found)) expect(leaves(params)).toContain(leaf);
    expect(leaves(found).length).toBe(leaves(params).length - 2);
  });

  it("is found beside what else a learner has", () => {
    const params = { model: embedding.init(key(1)), rates: embedding.init(key(2)) };
    expect(leaves(trainedEmbedding(embedding, params)!)).toEqual(leaves(params.model));
  });

  it("is none where the shapes are others, or it has no parameters", () => {
    const wider = convEmbedding({ ...shape, filters: 8 }).init(key(1));
    expect(trainedEmbedding(embedding, wider)).toBeUndefined();
    expect(
      trainedEmbedding(
        functionLayer((x) => x),
        wider,
      ),
    ).toBeUndefined();
  });
});
