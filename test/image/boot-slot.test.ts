import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseBootSlot, kernelPath, nameSlot, readBootFlags } from '../../pipeline/image/index.ts';
import { attributesOf } from '../evidence/made-next-boot.ts';

const usr = '5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6';
const usrA = '7130c94a-213a-4e5a-8e26-6cce9662f132';

type Slot = { readonly typeGuid: string; readonly attributes: bigint };
const slot = (priority: number, tries: number, successful: boolean, typeGuid = usr): Slot => ({
  typeGuid,
  attributes: attributesOf({ priority, tries, successful }),
});

describe('The boot loader takes', () => {
  it.each<[string, Slot[], number | null]>([
    ['the slot of highest priority', [slot(1, 0, true), slot(2, 1, false)], 1],
    ['none that has neither success nor tries', [slot(1, 0, true), slot(15, 0, false)], 0],
    ['the first of equal priority', [slot(2, 0, true), slot(2, 15, true)], 0],
    ['none of priority 0', [slot(0, 15, true)], null],
    ['none of another type', [slot(15, 15, true, '0fc63daf-8483-4772-8e79-3d69d8477de4'), slot(1, 1, false)], 1],
    ['a third slot as well', [slot(1, 0, true), slot(2, 0, true), slot(3, 1, false)], 2],
    ['nothing where there is nothing', [], null],
  ])('%s', (_, slots, at) => {
    expect(chooseBootSlot(slots)).toBe(at === null ? undefined : slots[at]);
  });

  it('whatever the attributes are, one that has a priority and may boot, and none better is left', () => {
    const attributes = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
    const made = fc.record({ typeGuid: fc.constantFrom(usr, 'other'), attributes });
    fc.assert(
      fc.property(fc.array(made, { maxLength: 8 }), (slots) => {
        const chosen = chooseBootSlot(slots);
        const mayBoot = slots.filter((one) => {
          const { priority, tries, successful } = readBootFlags(one);
          return one.typeGuid === usr && priority > 0 && (tries > 0 || successful);
        });
        const best = Math.max(0, ...mayBoot.map((one) => readBootFlags(one).priority));
        expect(chosen).toBe(mayBoot.find((one) => readBootFlags(one).priority === best));
      }),
    );
  });

  it('vmlinuz-a with USR-A, and vmlinuz-b with any other', () => {
    expect([kernelPath({ guid: usrA }), kernelPath({ guid: usr })]).toEqual([
      '/flatcar/vmlinuz-a',
      '/flatcar/vmlinuz-b',
    ]);
    expect([nameSlot({ guid: usrA, number: 3 }), nameSlot({ guid: usr, number: 5 })]).toEqual(['USR-A', 'partition 5']);
  });
});
