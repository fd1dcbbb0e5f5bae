# Runs before the first instruction of the runtime. Empties each variable of the environment that begins with none of the
# words after `allowed`, then goes on where the program would have started. At that point the stack holds argc, the
# arguments, 0, the environment, 0 (System V ABI, "Initial Stack and Register State"); rdx must arrive as it is.
        .text
        mov     (%rsp), %rax
        lea     16(%rsp,%rax,8), %rsi
next_variable:
        mov     (%rsi), %rdi
        test    %rdi, %rdi
        jz      start
        add     $8, %rsi
        lea     allowed(%rip), %r8
next_word:
        cmpb    $0, (%r8)
        je      empty
        mov     %rdi, %rcx
next_letter:
        mov     (%r8), %al
        test    %al, %al
        jz      next_variable
        cmp     (%rcx), %al
        jne     skip_word
        inc     %r8
        inc     %rcx
        jmp     next_letter
skip_word:
        cmpb    $0, (%r8)
        lea     1(%r8), %r8
        jne     skip_word
        jmp     next_word
empty:
        movb    $0, (%rdi)
        jmp     next_variable
start:
        jmp     *entry(%rip)
        .balign 8, 0xcc
entry:
        .quad   0
allowed:
