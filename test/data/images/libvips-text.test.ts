import { checkData } from "dgsam";
import { expect, test } from "vitest";
import { libvipsText } from "../../../lib/data/images/libvips-text.js";
import { makeImage, withTree } from "./files.js";

test("lines of other formats' loaders are not this image's", () => {
  const text = "Input buffer has corrupt header: vips__tiff_openin_source: unable to open source for input\ntiff2vips: Read error at scanline 7\nwebp: unable to parse image\ngifload_buffer: Invalid frame data\nVipsJpeg: premature end of JPEG image\n";
  expect(libvipsText("gif", new Error(text))).toBe("gifload_buffer: Invalid frame data");
  expect(libvipsText("tiff", new Error(text))).toBe("vips__tiff_openin_source: unable to open source for input");
  expect(libvipsText("jpeg", new Error(text))).toBe("VipsJpeg: premature end of JPEG image");
  expect(libvipsText("png", new Error(text))).toBe("the file is damaged or cut short, or of a kind that libvips does not read");
  expect(libvipsText("png", new Error("vips_tracked: out of memory"))).toBe("vips_tracked: out of memory");
});

test.each(["", "Unknown error", "Input buffer has corrupt header: ", "Input buffer has corrupt header:\n\n", "VipsForeignLoad: buffer is not in a known format\nsource: bad seek to 1650\n"])("%j says nothing", (text) => {
  expect(libvipsText("png", new Error(text))).toBe("the file is damaged or cut short, or of a kind that libvips does not read");
});

test("no image is blamed for what is wrong with one of another format", async () => {
  const formats = ["png", "gif", "webp", "tiff", "jpeg"] as const;
  const wholes = await Promise.all(formats.map(async (format) => [format, await makeImage(3, format, 64, 48)] as const));
  const files = Array.from({ length: 40 }, (_, i) => wholes.map(([format, whole]) => [`a/x/${i}.${format}`, Buffer.concat([whole.subarray(0, whole.length >> 1), Buffer.of(i)])] as const)).flat();
  const said = { png: "vipspng", gif: "gifload_buffer", webp: "webp(2vips)?", tiff: "(tiff2vips|vips__tiff\\w+)", jpeg: "VipsJpeg" };
  await withTree(Object.fromEntries(files), async (folder) => {
    const { problems } = await checkData(folder);
    expect(problems).toHaveLength(200);
    for (const { path, message } of problems) {
      const format = formats.find((each) => path.endsWith(each))!;
      expect([path, message]).toEqual([path, expect.stringMatching(new RegExp(`^cannot be decoded: (${said[format]}: |the file is damaged or cut short|Input buffer contains unsupported image format)`))]);
    }
  });
});
