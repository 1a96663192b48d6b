import fc from "fast-check";
import { expect, it } from "vitest";
import { ByteBudget } from "./byte-budget.js";

it("work never takes more together than there is, all of it is done, and failures give theirs back", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 150 }), fc.boolean()), { maxLength: 20 }),
      async (all) => {
        const budget = new ByteBudget(100);
        let used = 0;
        const results = await Promise.allSettled(
          all.map(([bytes, fails]) =>
            budget.with(bytes, async () => {
              used += Math.min(bytes, 100);
              expect(used).toBeLessThanOrEqual(100);
              await new Promise((resolve) => setImmediate(resolve));
              used -= Math.min(bytes, 100);
              if (fails) throw new Error("asked to fail");
              return bytes;
            }),
          ),
        );
        expect(results.map(({ status }) => status === "rejected")).toEqual(all.map(([, fails]) => fails));
        expect(used).toBe(0);
      },
    ),
    { numRuns: 50 },
  );
});
