// Linear transforms of rows, and the sums of products that training them needs.

/** Rows whose outputs are made before the next panel of the matrix is read: 64 rows of 768 dimensions stay in L2. */
const ROW_BLOCK: usize = 64;
/** Rows that covariance brings to f64 at a time. */
const PACK_ROWS: usize = 256;

/**
 * out_i = bias + A x_i for n rows of dIn values, A of dOut rows as panels [ceil(dOut / 8)][dIn][8] (packPanel), bias
 * filled up to whole panels. Each output starts from its bias and takes one dimension after the other (multiply,
 * round, add, round): the same bits for one row and for many.
 */
export function applyLinear(x: usize, n: usize, dIn: usize, panels: usize, bias: usize, dOut: usize, out: usize): void {
	const panelBytes = dIn << 5;
	const rowBytes = dIn << 2;
	const outBytes = dOut << 2;
	const main = n & ~3;
	for (let start: usize = 0; start < main; start += ROW_BLOCK) {
		const rows = x + start * rowBytes;
		const end = rows + min(ROW_BLOCK, main - start) * rowBytes;
		let panel = panels, o = out + start * outBytes;
		for (let j: usize = 0; j < dOut; j += 8) {
			let p = rows, to = o;
			while (p < end) {
				four(p, rowBytes, panel, panelBytes, bias + (j << 2), to, outBytes, dOut - j);
				p += rowBytes << 2; to += outBytes << 2;
			}
			panel += panelBytes; o += 32;
		}
	}
	for (let i = main; i < n; ++i) {
		const p = x + i * rowBytes, o = out + i * outBytes;
		let panel = panels, j: usize = 0;
		for (; j + 8 < dOut; j += 16) {
			two(p, panel, panelBytes, bias + (j << 2), o + (j << 2), dOut - j);
			panel += panelBytes << 1;
		}
		if (j < dOut) one(p, panel, panelBytes, bias + (j << 2), o + (j << 2), dOut - j);
	}
}

// @ts-ignore: decorator
@inline function put(out: usize, a: v128, b: v128, lanes: usize): void {
	if (lanes >= 8) { v128.store(out, a); v128.store(out, b, 16); return; }
	if (lanes & 4) { v128.store(out, a); out += 16; a = b; }
	if (lanes & 2) { v128.store64_lane(out, a, 0); out += 8; a = v128.shuffle<i32>(a, a, 2, 3, 2, 3); }
	if (lanes & 1) v128.store32_lane(out, a, 0);
}

/** Four rows by one panel: eight sums of four lanes. */
// @ts-ignore: decorator
@inline function four(
	p: usize, rowBytes: usize, panel: usize, panelBytes: usize, bias: usize, out: usize, outBytes: usize, lanes: usize,
): void {
	const p1 = rowBytes, p2 = rowBytes << 1, p3 = p1 + p2;
	const end = panel + panelBytes;
	let a0 = v128.load(bias), b0 = v128.load(bias, 16);
	let a1 = a0, b1 = b0, a2 = a0, b2 = b0, a3 = a0, b3 = b0;
	do {
		const a = v128.load(panel), b = v128.load(panel, 16);
		let v = v128.load32_splat(p);
		a0 = f32x4.add(a0, f32x4.mul(v, a)); b0 = f32x4.add(b0, f32x4.mul(v, b));
		v = v128.load32_splat(p + p1);
		a1 = f32x4.add(a1, f32x4.mul(v, a)); b1 = f32x4.add(b1, f32x4.mul(v, b));
		v = v128.load32_splat(p + p2);
		a2 = f32x4.add(a2, f32x4.mul(v, a)); b2 = f32x4.add(b2, f32x4.mul(v, b));
		v = v128.load32_splat(p + p3);
		a3 = f32x4.add(a3, f32x4.mul(v, a)); b3 = f32x4.add(b3, f32x4.mul(v, b));
		panel += 32; p += 4;
	} while (panel < end);
	put(out, a0, b0, lanes);
	put(out + outBytes, a1, b1, lanes);
	put(out + (outBytes << 1), a2, b2, lanes);
	put(out + outBytes * 3, a3, b3, lanes);
}

/** One row by two panels, for single queries: two panels at once are 1.5 times as fast as one (the sums wait for each other). */
// @ts-ignore: decorator
@inline function two(p: usize, panel: usize, panelBytes: usize, bias: usize, out: usize, lanes: usize): void {
	let a = v128.load(bias), b = v128.load(bias, 16), c = v128.load(bias, 32), d = v128.load(bias, 48);
	const end = panel + panelBytes;
	let next = end;
	do {
		const v = v128.load32_splat(p);
		a = f32x4.add(a, f32x4.mul(v, v128.load(panel)));
		b = f32x4.add(b, f32x4.mul(v, v128.load(panel, 16)));
		c = f32x4.add(c, f32x4.mul(v, v128.load(next)));
		d = f32x4.add(d, f32x4.mul(v, v128.load(next, 16)));
		panel += 32; next += 32; p += 4;
	} while (panel < end);
	v128.store(out, a);
	v128.store(out, b, 16);
	put(out + 32, c, d, lanes - 8);
}

// @ts-ignore: decorator
@inline function one(p: usize, panel: usize, panelBytes: usize, bias: usize, out: usize, lanes: usize): void {
	let a = v128.load(bias), b = v128.load(bias, 16);
	const end = panel + panelBytes;
	do {
		const v = v128.load32_splat(p);
		a = f32x4.add(a, f32x4.mul(v, v128.load(panel)));
		b = f32x4.add(b, f32x4.mul(v, v128.load(panel, 16)));
		panel += 32; p += 4;
	} while (panel < end);
	put(out, a, b, lanes);
}

/**
 * sums[i][j] += x_r[i] * x_r[j] in f64 for r = 0..n - 1 in order; the product of two f32 is exact there. `sums` has
 * dp rows of dp values, dp = d rounded up to 4; 4 x 4 blocks on and above the diagonal are filled, those below are not
 * touched. `scratch`: PACK_ROWS * dp * 8 bytes.
 */
export function covariance(x: usize, n: usize, d: usize, scratch: usize, sums: usize): void {
	const blocks = (d + 3) >> 2;
	const stride = blocks << 5;
	for (let start: usize = 0; start < n; start += PACK_ROWS) {
		const count = min(PACK_ROWS, n - start);
		packF64(x + (start * d << 2), count, d, scratch);
		const bytes = count << 5;
		for (let i: usize = 0; i < blocks; ++i) {
			for (let j = i; j < blocks; ++j) {
				products(scratch + i * bytes, scratch + j * bytes, bytes, sums + i * (stride << 2) + (j << 5), stride);
			}
		}
	}
}

/** Rows as f64 in panels of four dimensions [ceil(d / 4)][n][4], filled up with zeros. */
function packF64(x: usize, n: usize, d: usize, out: usize): void {
	const row = d << 2;
	for (let t: usize = 0; t < d; t += 4) {
		let p = x + (t << 2);
		const left = d - t;
		const mask = i32x4.lt_u(i32x4(0, 1, 2, 3), i32x4.splat(<i32>min(left, 4)));
		for (let i: usize = 0; i < n; ++i) {
			const v = v128.and(v128.load(p), mask);
			v128.store(out, f64x2.promote_low_f32x4(v));
			v128.store(out, f64x2.promote_low_f32x4(v128.shuffle<i32>(v, v, 2, 3, 2, 3)), 16);
			p += row; out += 32;
		}
	}
}

function products(a: usize, b: usize, bytes: usize, sums: usize, stride: usize): void {
	const s1 = sums + stride, s2 = s1 + stride, s3 = s2 + stride;
	let c00 = v128.load(sums), c01 = v128.load(sums, 16), c10 = v128.load(s1), c11 = v128.load(s1, 16);
	let c20 = v128.load(s2), c21 = v128.load(s2, 16), c30 = v128.load(s3), c31 = v128.load(s3, 16);
	const end = a + bytes;
	do {
		const b0 = v128.load(b), b1 = v128.load(b, 16);
		let v = v128.load64_splat(a);
		c00 = f64x2.add(c00, f64x2.mul(v, b0)); c01 = f64x2.add(c01, f64x2.mul(v, b1));
		v = v128.load64_splat(a, 8);
		c10 = f64x2.add(c10, f64x2.mul(v, b0)); c11 = f64x2.add(c11, f64x2.mul(v, b1));
		v = v128.load64_splat(a, 16);
		c20 = f64x2.add(c20, f64x2.mul(v, b0)); c21 = f64x2.add(c21, f64x2.mul(v, b1));
		v = v128.load64_splat(a, 24);
		c30 = f64x2.add(c30, f64x2.mul(v, b0)); c31 = f64x2.add(c31, f64x2.mul(v, b1));
		a += 32; b += 32;
	} while (a < end);
	v128.store(sums, c00); v128.store(sums, c01, 16); v128.store(s1, c10); v128.store(s1, c11, 16);
	v128.store(s2, c20); v128.store(s2, c21, 16); v128.store(s3, c30); v128.store(s3, c31, 16);
}
