package due

// Values of Facts.Send.
const (
	SendChanges    = "changes"
	SendEverything = "everything"
)

// everythingSent comes before the first reason why all profiles are sent.
const everythingSent = "everything is sent: "

// addEverything decides whether a run sends all profiles, if that does not follow
// from why it is due, and says why.
func (f *Facts) addEverything(r *Reasons) {
	refreshed := f.Refresh != nil && f.Refresh.SegmentsRead && !f.SegmentsChanged
	unlisted := f.Survey != nil && f.Survey.Changes == nil
	switch {
	case r.Everything:
		return
	case f.Send == "":
		r.Everything = true
	case f.Send == SendEverything:
		f.sendAll(r, `send = "`+SendEverything+`"`, true)
	case !f.Last.Known:
		f.sendAll(r, "no sketch of the last run", true)
	case f.Refresh != nil && f.Refresh.FullSend && !f.FullSendChanged:
		f.sendAll(r, fullSendDue, true)
	case f.Refresh == nil && f.FullSend:
		f.sendAll(r, fullSendDue, false)
	case unlisted:
		f.sendAll(r, "too much changed to be listed", refreshed)
	default:
		r.Settled = refreshed
	}
}

const fullSendDue = "a full send was due"

// sendAll makes a run send all profiles. The reason makes no run due by itself.
func (f *Facts) sendAll(r *Reasons, reason string, settled bool) {
	due := r.Any()
	r.Everything, r.Settled = true, settled
	switch {
	case !due:
	case settled:
		r.lasting(everythingSent + reason)
	default:
		r.passing(everythingSent + reason)
	}
}
