/* Nothing of it decides where a field of the save area is; see linux/prelude.h. */
