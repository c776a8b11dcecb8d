/**
 * FAISS's four-letter codes, with which write_index begins each index, and the classes they stand for.
 */

import { VecinoError } from '../../errors.ts';

/** What readFaissIndex reads. IwSq of residuals becomes an IndexIVFFlat of what the codes stand for. */
const READ =
	'IndexFlat:IxFI,IxF2,IxFl IndexPQ:IxPq,IxPo,IxPQ IndexScalarQuantizer:IxSQ IndexPQFastScan:IPfs IndexIVFFlat:IwFl ' +
	'IndexIVFPQ:IwPQ IndexIVFScalarQuantizer:IwSq,IwSQ IndexIVFPQFastScan:IwPf IndexPreTransform:IxPT ' +
	'IndexRefine:IxRF IndexIDMap:IxMp IndexIDMap2:IxM2 IndexHNSWFlat:IHNf IndexHNSWSQ:IHNs';

/** What it names in its error. */
const KNOWN =
	'IndexLSH:IxHe,IxHE IndexResidualQuantizer:IxRQ,IxRq IndexLocalSearchQuantizer:IxLS IndexProductResidualQuantizer:IxPR ' +
	'IndexProductLocalSearchQuantizer:IxPL IndexLattice:IxLa Index2Layer:Ix2L IndexRaBitQ:Ixrq,Ixrr IndexIVFRaBitQ:Iwrq,Iwrr ' +
	'IndexRaBitQFastScan:Irfs,Irfn IndexIVFRaBitQFastScan:Iwrf,Iwrn IndexFlatPanorama:IxFP,IxFp IndexIVFFlatPanorama:IwPn,IwP2 ' +
	'IndexIVFFlatDedup:IwFd IndexIVFLocalSearchQuantizer:IwLS IndexIVFResidualQuantizer:IwRQ ' +
	'IndexIVFProductLocalSearchQuantizer:IwPL IndexIVFProductResidualQuantizer:IwPR IndexIVFSpectralHash:IwSh ' +
	'IndexIVFPQR:IwQR IndexIVFIndependentQuantizer:IwIQ IndexRefinePanorama:IxRP IndexEDEN:IxEd,IxEe IndexIVFEDEN:IwEd,IwEe ' +
	'IndexIVFFlat_of_an_old_format:IvFl,IvFL IndexIVFPQ_of_an_old_format:IvPQ IndexIVFPQR_of_an_old_format:IvQR ' +
	'IndexIVFScalarQuantizer_of_an_old_format:IvSQ IndexLocalSearchQuantizerFastScan:ILfs IndexResidualQuantizerFastScan:IRfs ' +
	'IndexProductLocalSearchQuantizerFastScan:IPLf IndexProductResidualQuantizerFastScan:IPRf ' +
	'IndexIVFLocalSearchQuantizerFastScan:IVLf IndexIVFResidualQuantizerFastScan:IVRf ' +
	'IndexIVFProductLocalSearchQuantizerFastScan:NPLf IndexIVFProductResidualQuantizerFastScan:NPRf ' +
	'ResidualCoarseQuantizer:ImRQ MultiIndexQuantizer:Imiq IndexRowwiseMinMax:IRMf IndexRowwiseMinMaxFP16:IRMh ' +
	'IndexHNSW:IH00 IndexHNSWPQ:IHNp IndexHNSW2Level:IHN2 IndexHNSWCagra:IHNc,IHc2 IndexHNSWFlatPanorama:IHfP ' +
	'IndexNSGFlat:INSf IndexNSGPQ:INSp IndexNSGSQ:INSs IndexNNDescentFlat:INNf IndexSVSVamana:ISVD,ISV2 ' +
	'IndexSVSVamanaLVQ:ILVQ IndexSVSVamanaLeanVec:ISVL IndexSVSFlat:ISVF IndexSVSIVF:ISID IndexSVSIVFLVQ:ISIQ ' +
	'IndexSVSIVFLeanVec:ISIL IndexBinaryFlat:IBxF IndexBinaryIVF:IBwF IndexBinaryFromFloat:IBFf IndexBinaryHNSW:IBHf ' +
	'IndexBinaryHNSWCagra:IBHc IndexBinaryIDMap:IBMp IndexBinaryIDMap2:IBM2 IndexBinaryHash:IBHh IndexBinaryMultiHash:IBHm';

function classes(list: string): [code: string, name: string][] {
	return list.split(' ').flatMap((entry) => {
		const [name, codes] = entry.split(':') as [string, string];
		return codes.split(',').map((code): [string, string] => [code, name.replaceAll('_', ' ')]);
	});
}

/** Classes by code, taken apart when they are first asked for. */
let names: ReadonlyMap<string, string> | undefined;

/** The class that a four-letter code stands for, undefined when it is none of FAISS's. */
export function faissClass(code: string): string | undefined {
	names ??= new Map([...classes(READ), ...classes(KNOWN)]);
	return names.get(code);
}

/**
 * Whether a file that begins with these bytes (4 are enough) is a FAISS index, and of which class: 'IndexIVFFlat', or
 * undefined for any other file. Not every class can be read.
 *
 * @example
 * import { faissKind } from 'vecino';
 * console.log(faissKind(new TextEncoder().encode('IwFl'))); // IndexIVFFlat
 */
export function faissKind(head: Uint8Array): string | undefined {
	return head.length < 4 ? undefined : faissClass(String.fromCharCode(...head.subarray(0, 4)));
}

/** The error for an index that cannot be read. */
export function cannotRead(name: string, code: string, offset: number): VecinoError {
	const known = faissClass(code);
	const what = known === undefined ? 'a kind that vecino does not know' : `an ${known}, which vecino cannot read`;
	const can = [...new Set(classes(READ).map(([, kind]) => kind))].join(', ');
	return new VecinoError(
		'unsupported',
		`${name}: ${JSON.stringify(code)} at byte ${offset} is ${what}; it reads ${can}`,
		{
			offset,
			found: code,
		},
	);
}
