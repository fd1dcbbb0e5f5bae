# As x64.s; x0 must arrive as it is.
        .text
        ldr     x1, [sp]
        add     x2, sp, #16
        add     x2, x2, x1, lsl #3
next_variable:
        ldr     x3, [x2], #8
        cbz     x3, start
        adr     x4, allowed
next_word:
        ldrb    w5, [x4]
        cbz     w5, empty
        mov     x6, x3
next_letter:
        ldrb    w5, [x4], #1
        cbz     w5, next_variable
        ldrb    w7, [x6], #1
        cmp     w5, w7
        b.eq    next_letter
skip_word:
        ldrb    w5, [x4], #1
        cbnz    w5, skip_word
        b       next_word
empty:
        strb    wzr, [x3]
        b       next_variable
start:
        ldr     x16, entry
        br      x16
        .balign 8
entry:
        .quad   0
allowed:
