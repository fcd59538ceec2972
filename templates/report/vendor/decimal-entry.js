export {default as Decimal} from 'decimal.js'
