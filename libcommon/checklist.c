/* The checklists by name. */
#include "checklist.h"

const struct xr_checklist *xr_checklist_at(int index)
{
    static const struct xr_checklist *const lists[] = {
        &xr_checklist_claim, &xr_checklist_tripod, &xr_checklist_stard};

    return lists[index];
}
