"""English forms that no stemmer brings together, each with its base form."""

_FORMS = """
be:am,is,are,was,were,been,being have:has,had,having do:does,did,done go:went,gone,goes get:got,gotten buy:bought
bring:brought think:thought teach:taught catch:caught fight:fought seek:sought make:made take:took,taken
give:gave,given come:came become:became see:saw,seen know:knew,known grow:grew,grown throw:threw,thrown
draw:drew,drawn fly:flew,flown blow:blew,blown write:wrote,written ride:rode,ridden drive:drove,driven rise:rose,risen
speak:spoke,spoken break:broke,broken choose:chose,chosen wake:woke,woken steal:stole,stolen freeze:froze,frozen
wear:wore,worn tear:tore,torn swear:swore,sworn bear:bore,borne eat:ate,eaten fall:fell,fallen forget:forgot,forgotten
hide:hid,hidden bite:bit,bitten begin:began,begun drink:drank,drunk sing:sang,sung ring:rang,rung swim:swam,swum
run:ran sit:sat win:won lose:lost find:found hold:held tell:told sell:sold feel:felt keep:kept sleep:slept leave:left
meet:met feed:fed lead:led read:read build:built send:sent spend:spent lend:lent mean:meant hear:heard stand:stood
understand:understood say:said pay:paid lay:laid lie:lay,lain shoot:shot shine:shone stick:stuck strike:struck
hang:hung dig:dug swing:swung spin:spun sting:stung bend:bent deal:dealt dream:dreamt learn:learnt burn:burnt
spoil:spoilt light:lit slide:slid sink:sank,sunk shrink:shrank,shrunk spring:sprang,sprung sweep:swept weep:wept
creep:crept kneel:knelt bind:bound wind:wound grind:ground forgive:forgave,forgiven shake:shook,shaken
mistake:mistook,mistaken overcome:overcame undergo:underwent,undergone beat:beaten show:shown weave:wove,woven
breed:bred bleed:bled speed:sped flee:fled child:children person:people man:men woman:women foot:feet tooth:teeth
mouse:mice goose:geese wife:wives life:lives knife:knives leaf:leaves wolf:wolves shelf:shelves half:halves
good:better,best bad:worse,worst
"""

BASE = {form: base for row in _FORMS.split() for base, _, forms in [row.partition(":")] for form in forms.split(",")}
