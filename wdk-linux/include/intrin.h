/*
 * The intrinsics of MSVC that inline functions of mingw-w64's kernel headers call.
 *
 * Declared so that those functions parse; nothing is ever compiled from them. mingw-w64's own
 * intrin.h, which this one hides, wants compiler headers that bindgen doesn't need otherwise.
 */
#pragma once

unsigned __int64 __readcr8(void);
void __writecr8(unsigned __int64 Data);
unsigned short __readgsword(unsigned long Offset);
unsigned __int64 __readgsqword(unsigned long Offset);
unsigned __int64 __umulh(unsigned __int64 Multiplier, unsigned __int64 Multiplicand);

void __stosb(unsigned char *Destination, unsigned char Value, unsigned __int64 Count);
void __stosq(unsigned __int64 *Destination, unsigned __int64 Value, unsigned __int64 Count);
void __movsb(unsigned char *Destination, unsigned char const *Source, unsigned __int64 Count);
void __movsw(unsigned short *Destination, unsigned short const *Source, unsigned __int64 Count);
void __movsd(unsigned long *Destination, unsigned long const *Source, unsigned __int64 Count);

unsigned char __inbyte(unsigned short Port);
unsigned short __inword(unsigned short Port);
unsigned long __indword(unsigned short Port);
void __inbytestring(unsigned short Port, unsigned char *Buffer, unsigned long Count);
void __inwordstring(unsigned short Port, unsigned short *Buffer, unsigned long Count);
void __indwordstring(unsigned short Port, unsigned long *Buffer, unsigned long Count);
void __outbyte(unsigned short Port, unsigned char Data);
void __outword(unsigned short Port, unsigned short Data);
void __outdword(unsigned short Port, unsigned long Data);
void __outbytestring(unsigned short Port, unsigned char *Buffer, unsigned long Count);
void __outwordstring(unsigned short Port, unsigned short *Buffer, unsigned long Count);
void __outdwordstring(unsigned short Port, unsigned long *Buffer, unsigned long Count);
