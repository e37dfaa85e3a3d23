//go:build !race

#include "textflag.h"

// The same in both functions. 32 octets are loaded as four numbers of 64 bits;
// with 128 octets a turn, in two sets of sums:
//
//	whole = Σ v          modulo 2⁶⁴
//	high  = Σ (v >> 32)  which cannot overflow
//
// so Σ (v & 0xffffffff) = whole - high<<32, which cannot overflow either: three
// instructions for 32 octets, and no carry. The length is a multiple of 32.

#define ADD(v, whole, high) \
	VPADDQ v, whole, whole \
	VPSRLQ $32, v, v       \
	VPADDQ v, high, high

// FOLD leaves the sum of all lanes in AX.
#define FOLD \
	VPADDQ       Y2, Y0, Y0  \
	VPADDQ       Y3, Y1, Y1  \
	VPSLLQ       $32, Y1, Y2 \
	VPSUBQ       Y2, Y0, Y0  \
	VPADDQ       Y1, Y0, Y0  \
	VEXTRACTI128 $1, Y0, X1  \
	VPADDQ       X1, X0, X0  \
	VPSRLDQ      $8, X0, X1  \
	VPADDQ       X1, X0, X0  \
	VMOVQ        X0, AX      \
	VZEROUPPER

// func sumAVX2(b []byte, initial uint64) uint64
TEXT ·sumAVX2(SB), NOSPLIT, $0-40
	MOVQ  b_base+0(FP), SI
	MOVQ  b_len+8(FP), CX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	SUBQ  $128, CX
	JLT   rest

wide:
	VMOVDQU (SI), Y4
	VMOVDQU 32(SI), Y5
	VMOVDQU 64(SI), Y6
	VMOVDQU 96(SI), Y7
	ADD(Y4, Y0, Y1)
	ADD(Y5, Y2, Y3)
	ADD(Y6, Y0, Y1)
	ADD(Y7, Y2, Y3)
	ADDQ $128, SI
	SUBQ $128, CX
	JGE  wide

rest:
	ADDQ $(128-32), CX
	JLT  fold

blocks:
	VMOVDQU (SI), Y4
	ADD(Y4, Y0, Y1)
	ADDQ $32, SI
	SUBQ $32, CX
	JGE  blocks

fold:
	FOLD
	ADDQ initial+24(FP), AX
	ADCQ $0, AX
	MOVQ AX, ret+32(FP)
	RET

// func sumCopyAVX2(dst, src []byte, initial uint64) uint64
TEXT ·sumCopyAVX2(SB), NOSPLIT, $0-64
	MOVQ  dst_base+0(FP), DI
	MOVQ  src_base+24(FP), SI
	MOVQ  src_len+32(FP), CX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	SUBQ  $128, CX
	JLT   rest

wide:
	VMOVDQU (SI), Y4
	VMOVDQU 32(SI), Y5
	VMOVDQU 64(SI), Y6
	VMOVDQU 96(SI), Y7
	VMOVDQU Y4, (DI)
	VMOVDQU Y5, 32(DI)
	VMOVDQU Y6, 64(DI)
	VMOVDQU Y7, 96(DI)
	ADD(Y4, Y0, Y1)
	ADD(Y5, Y2, Y3)
	ADD(Y6, Y0, Y1)
	ADD(Y7, Y2, Y3)
	ADDQ $128, SI
	ADDQ $128, DI
	SUBQ $128, CX
	JGE  wide

rest:
	ADDQ $(128-32), CX
	JLT  fold

blocks:
	VMOVDQU (SI), Y4
	VMOVDQU Y4, (DI)
	ADD(Y4, Y0, Y1)
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $32, CX
	JGE  blocks

fold:
	FOLD
	ADDQ initial+48(FP), AX
	ADCQ $0, AX
	MOVQ AX, ret+56(FP)
	RET
