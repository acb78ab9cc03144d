/* strata_view has DLTensor's layout, and its constants DLPack's values: C11 and C++. */
#include <dlpack/dlpack.h>
#include <strata/abi/core.h>

#ifndef __cplusplus
#define static_assert _Static_assert
#endif
#define SAME_PLACE(ours, our_field, theirs, their_field)                                \
  static_assert(offsetof(ours, our_field) == offsetof(theirs, their_field) &&           \
                    sizeof(((ours*)0)->our_field) == sizeof(((theirs*)0)->their_field), \
                #ours "." #our_field)

static_assert(sizeof(strata_view) == sizeof(DLTensor), "strata_view");
SAME_PLACE(strata_view, data, DLTensor, data);
SAME_PLACE(strata_view, device, DLTensor, device);
SAME_PLACE(strata_view, ndim, DLTensor, ndim);
SAME_PLACE(strata_view, dtype, DLTensor, dtype);
SAME_PLACE(strata_view, shape, DLTensor, shape);
SAME_PLACE(strata_view, strides, DLTensor, strides);
SAME_PLACE(strata_view, byte_offset, DLTensor, byte_offset);

static_assert(sizeof(strata_device) == sizeof(DLDevice), "strata_device");
SAME_PLACE(strata_device, type, DLDevice, device_type);
SAME_PLACE(strata_device, id, DLDevice, device_id);

static_assert(sizeof(strata_dtype) == sizeof(DLDataType), "strata_dtype");
SAME_PLACE(strata_dtype, code, DLDataType, code);
SAME_PLACE(strata_dtype, bits, DLDataType, bits);
SAME_PLACE(strata_dtype, lanes, DLDataType, lanes);

static_assert((int)STRATA_CPU == (int)kDLCPU, "STRATA_CPU");
static_assert((int)STRATA_CUDA == (int)kDLCUDA, "STRATA_CUDA");
static_assert((int)STRATA_PINNED == (int)kDLCUDAHost, "STRATA_PINNED");
static_assert((int)STRATA_INT == (int)kDLInt, "STRATA_INT");
static_assert((int)STRATA_UINT == (int)kDLUInt, "STRATA_UINT");
static_assert((int)STRATA_FLOAT == (int)kDLFloat, "STRATA_FLOAT");
static_assert((int)STRATA_BFLOAT == (int)kDLBfloat, "STRATA_BFLOAT");
