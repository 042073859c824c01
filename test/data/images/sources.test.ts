/** Options of the functions that find data sets: each names itself, and all that it takes. */
import { domainFolder, domainManifest, domainNet, domainParquet, domainTar, imageDataset, officeHome, pacs, terraIncognita, vlcs } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectRejection } from "./files.js";
import { small } from "./images.js";

const IMAGES = "imageSize, cacheSize, cacheFolder, cache, maxPixels, badImages, protocol, orientation, normalize, device, memoryFormat, augment";
const collection = await small(1);

const SOURCES: [name: string, own: string, open: (options: object) => unknown][] = [
  ["imageDataset", "", (options) => imageDataset(collection, options)],
  ["domainFolder", "", (options) => domainFolder("nowhere", options)],
  ["domainManifest", "root, classes, split, ", (options) => domainManifest("nowhere.csv", options)],
  ["domainParquet", "columns, classes, split, ", (options) => domainParquet("nowhere.parquet", options)],
  ["domainTar", "classes, split, ", (options) => domainTar("nowhere.tar", options)],
  ...Object.entries({ pacs, vlcs, officeHome, terraIncognita, domainNet }).map(([name, open]): [string, string, (options: object) => unknown] => [name, "partial, ", (options) => open("nowhere", options)]),
];

describe.each(SOURCES)("%s", (name, own, open) => {
  test("refuses unknown options, and bad ones, before it looks for the data", async () => {
    expect((await expectRejection(() => open({ spilt: "train" }), "ERR_ARGUMENT", /./)).message).toBe(`${name}: unknown option 'spilt'; the options are ${own}${IMAGES}`);
    expect((await expectRejection(() => open(3 as never), "ERR_ARGUMENT", /./)).message).toBe(`${name}: options: expected an object with any of ${own}${IMAGES}, got the number 3`);
    await expectRejection(() => open({ imageSize: 0 }), "ERR_ARGUMENT", new RegExp(`^${name}: imageSize: expected an integer from 1`));
  });

  test.each(["cuda:99", "gpu"])("refuses the device %s, which is not there", async (device) => {
    await expectRejection(() => open({ device }), "ERR_DEVICE", new RegExp(`^${name}: device: ${device} cannot be used \\((?!.*doctor.*doctor).*dgsam doctor tells what there is`));
  });
});
